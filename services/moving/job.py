"""What all kinds of things need to be moved, and how one comes to be here as it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.config.overriding import Overridable
from services.moving.report import Outcome, Report
from services.moving.scripts import HandlerCheck, ScriptCheck
from services.moving.servers import Refused, Server

Thing = Mapping[str, Any]
"""What a thing is, as far as it is compared."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """An import. old, new: where from, where to.

    dry_run: change nothing. overwrite: bring what is otherwise here to what it is there. disabled: enable no task.
    recordings: the directory that the old server keeps recordings in, None where it is not at hand.
    defaults: a configuration in which nobody has set anything. scripts, handlers: say what is wrong with one.
    """

    old: Server
    new: Server
    report: Report
    defaults: Overridable
    scripts: ScriptCheck
    handlers: HandlerCheck
    dry_run: bool = False
    overwrite: bool = False
    disabled: bool = False
    recordings: Path | None = None

    def settle(
        self,
        kind: str,
        id: str,
        here: Thing | None,
        wanted: Thing,
        create: Callable[[], object],
        change: Callable[[], object],
    ) -> Outcome:
        """Have a thing be here as it is there; what came of it. here: None where it is not.

        create, change: raise Refused.
        """
        if here == wanted:
            self.report.count(kind, Outcome.SAME)
            return Outcome.SAME
        if here is not None and not self.overwrite:
            self.report.differs(kind, id, different(here, wanted))
            return Outcome.DIFFERS
        try:
            if not self.dry_run:
                (create if here is None else change)()
        except Refused as error:
            self.report.not_taken(kind, id, error)
            return Outcome.NOT_TAKEN
        outcome = Outcome.IMPORTED if here is None else Outcome.OVERWRITTEN
        self.report.count(kind, outcome)
        return outcome


def different(here: Thing, wanted: Thing) -> str:
    """In what two things differ, in words."""
    return ", ".join(sorted(key for key in here.keys() | wanted.keys() if here.get(key) != wanted.get(key)))
