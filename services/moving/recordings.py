"""Recordings: the old server lists them; their data is not in its API, but in its [replay] directory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from services.moving.job import Job
from services.moving.report import Outcome
from services.moving.servers import Refused, in_path

KIND = "recordings"

_FILES = {"stream": "srpl", "batch": "brpl"}
_PAUSE, _MOST_PAUSE = 0.05, 1.0
_SECONDS = 600.0  # for a file that was taken to become a recording


def move(job: Job) -> None:
    """Copy all that are finished."""
    there = list(job.old.all("/recordings", fields=["type", "status", "error"]))
    job.report.expect(len(there))
    finished = [one for one in there if one["status"] == "finished"]
    for one in there:
        if one["status"] != "finished":
            job.report.not_taken(KIND, one["id"], f"it is {one['status']} {one['error'] or ''}")
    if job.recordings is None:
        if finished:
            why = "the old server's API does not give their data; name its [replay] dir with --recordings"
            job.report.not_taken(KIND, "", f"{len(finished)}, {why}", len(finished))
        return
    for one in finished:
        _move(job, one["id"], job.recordings / f"{one['id']}.{_FILES.get(one['type'], 'srpl')}")


def _move(job: Job, id: str, file: Path) -> None:
    found = job.new.find(_path(id), missing=500)
    if found is not None and found["status"] != "failed":
        job.report.count(KIND, Outcome.SAME)
        return
    try:
        file.open("rb").close()
        if not job.dry_run:
            if found is not None:
                job.new.change("DELETE", _path(id), None)
            with file.open("rb") as content:
                job.new.send("/recordings/import", content, id=id)
            _wait(job, id)
    except OSError as error:
        job.report.not_taken(KIND, id, f"{file}: {error.strerror}")
    except Refused as error:
        job.report.not_taken(KIND, id, error)
    else:
        job.report.count(KIND, Outcome.IMPORTED)


def _wait(job: Job, id: str) -> None:
    """Until the file is a recording. Raises Refused where that comes to nothing."""
    end, pause = time.monotonic() + _SECONDS, _PAUSE
    while time.monotonic() < end:
        found: dict[str, Any] = job.new.get(_path(id))
        if found["status"] == "finished":
            return
        if found["status"] == "failed":
            raise Refused(0, found["error"])
        time.sleep(pause)
        pause = min(2 * pause, _MOST_PAUSE)
    raise Refused(0, "it is still being read; its status says when it is there")


def _path(id: str) -> str:
    return f"/recordings/{in_path(id)}"
