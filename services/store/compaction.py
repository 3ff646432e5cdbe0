"""What a fold has to know of the compaction of its log (see schemas.events.compaction)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from marshmallow import ValidationError

from schemas.events.compaction import SCHEMAS, SUBJECT

COMPACTIONS = f"{SUBJECT}*"
"""What every fold reads beside its own subjects."""

_LOG = "EVENTS"
_SCHEMAS = {what: schema() for what, schema in SCHEMAS.items()}


class Source(Protocol):
    """Where logs are read."""

    async def last_message(self, subject: str) -> Any: ...


class Missed(SystemExit):
    """Part of the log was removed before it was read: the process cannot go on, and knows all when it begins anew."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """How a log was last compacted. seq: of the last `begun`; since, through and drops as that says.

    done: all of it is removed.
    """

    seq: int = 0
    since: int = 0
    through: Mapping[str, int] = field(default_factory=dict)
    drops: Set[int] = frozenset()
    done: bool = True

    def missed(self, position: int) -> bool:
        """Whether a fold that has come so far may have missed something. Who has read nothing has not."""
        return 0 < position < self.since

    def removes(self, message: Any) -> bool:
        """Whether a message is removed, or about to be."""
        seq: int = message.seq
        if seq >= self.since:
            return False
        return seq in self.drops or seq <= self.through.get(f"{message.subject.rpartition('.')[0]}.*", 0)


@dataclass(frozen=True, slots=True)
class Gone:
    """A resource of which nothing is left in the log, and the sequence of the last event that there was."""

    kind: str
    id: str
    last: int


async def compaction_of(source: Source, stream: str) -> Compaction:
    """How far a log is compacted at this moment. Raises what the source raises."""
    begun = await source.last_message(f"{SUBJECT}begun") if stream == _LOG else None
    if begun is None:
        return Compaction()
    done = await source.last_message(f"{SUBJECT}done")
    data = _load("begun", begun.data)
    finished = done is not None and _load("done", done.data).get("begun", 0) >= begun.seq
    through = dict(data.get("through", ()))
    return Compaction(begun.seq, data.get("since", 0), through, frozenset(data.get("drops", ())), finished)


def is_compaction(message: Any) -> bool:
    """Whether a message tells of the log itself, and is none of the events that are folded."""
    subject: str = message.subject
    return subject.startswith(SUBJECT)


def announcement(message: Any) -> tuple[int, list[Gone]]:
    """What such a message says: `since`, and what is gone."""
    if not message.subject.endswith(".begun"):
        return 0, []
    data = _load("begun", message.data)
    return data.get("since", 0), [Gone(*one) for one in data.get("gone", ())]


def subjects_of(stream: str, subjects: Sequence[str]) -> list[str]:
    """What a fold over these subjects reads."""
    return [*subjects, COMPACTIONS] if stream == _LOG else list(subjects)


def _load(what: str, data: bytes) -> dict[str, Any]:
    """Of what is broken nothing is known."""
    try:
        loaded: dict[str, Any] = _SCHEMAS[what].load(orjson.loads(data))
        return loaded
    except (ValueError, ValidationError):
        return {}
