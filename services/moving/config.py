"""The configuration that the API of both shows: options whose value is another there than here.

What somebody has set here, be it in the file, differs from the default, and is overwritten only where that is asked
for. What is secret the old server does not show.
"""

from __future__ import annotations

from typing import Any

from services.moving.job import Job
from services.moving.report import Outcome
from services.moving.servers import Refused, in_path

KIND = "config"

Options = dict[str, Any]


def move(job: Job) -> None:
    """Copy the options of all sections."""
    try:
        there, here = (server.get("/config")["sections"] for server in (job.old, job.new))
    except Refused as error:
        job.report.not_taken(KIND, "", error)
        return
    for section, found in sorted(there.items()):
        if section not in here:
            job.report.not_taken(KIND, section, "there is no such section here")
            continue
        mine = {_name(element): element for element in here[section]["elements"] or ()}
        for element in found["elements"] or ():
            _move(job, section, element, mine.get(_name(element)))


def _name(element: dict[str, Any]) -> str:
    """Of an element, "" where its section stands once."""
    name: str = element["link"]["href"].rpartition("/")[2]
    return name


def _move(job: Job, section: str, there: dict[str, Any], here: dict[str, Any] | None) -> None:
    name = _name(there)
    place = f"{section}/{name}" if name else section
    secret = frozenset(there["redacted"] or ())
    mine: Options = here["options"] if here is not None else {}
    plain = {option: value for option, value in there["options"].items() if option not in secret}
    if here is None:
        wanted = {option: value for option, value in plain.items() if value not in (None, "")}
    else:
        wanted = _free(job, section, name, mine, {o: v for o, v in plain.items() if not _same(v, mine.get(o))})
    missing = sorted(option for option in secret if there["options"].get(option) and not mine.get(option))
    if not wanted and not missing:
        job.report.count(KIND, Outcome.SAME)
        return
    waits = wanted and not _set(job, section, None if here is None else name, wanted, bool(missing))
    if missing:
        path = f"/kapacitor/v1/config/{section}/{name}"
        then = "; it stays disabled until then" if waits else ""
        job.report.not_taken(KIND, place, f"{', '.join(missing)} is secret: set it by hand, POST {path}{then}")


def _free(job: Job, section: str, name: str, mine: Options, wanted: Options) -> Options:
    """Those that may be set: what is known, and what nobody has set here, or all where that is to be overwritten."""
    place = f"{section}/{name}" if name else section
    unset = next((options for element, options, _ in job.defaults.shown(section, ()) if element == name), {})
    free = {}
    for option, value in sorted(wanted.items()):
        if option not in mine:
            job.report.not_taken(KIND, place, f"there is no option {option} here")
        elif job.overwrite or (option in unset and _same(mine[option], unset[option])):
            free[option] = value
        else:
            job.report.differs(KIND, place, option)
    return free


def _set(job: Job, section: str, element: str | None, options: Options, incomplete: bool) -> bool:
    """Set options of an element, or add it (None) with them; whether all of them are.

    incomplete: secrets are missing, without which it may not be enabled.
    """
    place = f"{section}/{element or options.get('name', '')}" if element != "" else section
    try:
        _post(job, section, element, options)
    except Refused as error:
        rest = {option: value for option, value in options.items() if option != "enabled"}
        if not incomplete or not options.get("enabled"):
            job.report.not_taken(KIND, place, error)
        elif not rest:
            return False
        else:
            return _set(job, section, element, rest, incomplete) and False
        return True
    job.report.count(KIND, Outcome.IMPORTED)
    return True


def _post(job: Job, section: str, element: str | None, options: Options) -> None:
    if job.dry_run:
        return
    if element is None:
        job.new.change("POST", f"/config/{section}", {"add": options})
    else:
        job.new.change("POST", f"/config/{section}/{in_path(element)}", {"set": options})


def _same(one: Any, other: Any) -> bool:
    """An empty list or table may be shown as nothing."""
    return bool(one == other or (one in (None, [], {}) and other in (None, [], {})))
