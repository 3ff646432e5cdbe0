"""How a load went: for the log, and as the API shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from grammar.golang.times import format_rfc3339_padded
from services.gateway.load.declarations import Complaint
from services.process import log as logs

_log = logs.get("load")


@dataclass(frozen=True, slots=True)
class Report:
    """A load of a directory. loaded: made or changed. waiting: tasks that no worker has started or refused by then.

    began: ns since 1970. interrupted: why it did not come to its end, empty where it did.
    """

    directory: str
    began: int
    loaded: int = 0
    unchanged: int = 0
    removed: int = 0
    waiting: int = 0
    complaints: tuple[Complaint, ...] = ()
    interrupted: str = ""

    @property
    def refused(self) -> int:
        """Files that count for nothing."""
        return len({complaint.file for complaint in self.complaints if complaint.effect == "refused"})

    @property
    def errors(self) -> int:
        """What was wrong, apart from what was only noted."""
        return sum(complaint.effect != "noted" for complaint in self.complaints) + bool(self.interrupted)


def write_to_log(report: Report, seconds: float) -> None:
    """A line for each complaint, and one for the load."""
    for complaint in report.complaints:
        text, write = _LINES[complaint.effect]
        place = {"line": complaint.line, "column": complaint.column} if complaint.line else {}
        write(text, file=complaint.file or ".", err=complaint.text, **place)
    if report.waiting:
        _log.warn("no engine worker has started all loaded tasks yet", dir=report.directory, waiting=report.waiting)
    counts = {key: getattr(report, key) for key in ("loaded", "unchanged", "removed", "refused")}
    if report.interrupted:
        _log.error("load interrupted, to be tried again", dir=report.directory, **counts, err=report.interrupted)
    else:
        _log.info("load directory read", dir=report.directory, **counts, took=f"{seconds:.3f}s")


_LINES: Mapping[str, tuple[str, Callable[..., None]]] = {
    "refused": ("file refused", _log.error),
    "failed": ("what a file declares does not run", _log.error),
    "noted": ("file not used whole", _log.warn),
}


def report_view(report: Report) -> dict[str, Any]:
    """As the API shows it."""
    counts = {key: getattr(report, key) for key in ("loaded", "unchanged", "removed", "refused", "waiting")}
    return {
        "dir": report.directory,
        "began": format_rfc3339_padded(report.began),
        **counts,
        "interrupted": report.interrupted,
        "complaints": [
            {"file": one.file, "error": one.text, "line": one.line, "column": one.column, "effect": one.effect}
            for one in report.complaints
        ],
    }
