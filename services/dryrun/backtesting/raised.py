"""Alert events one by one, as far as what they come to is reckoned up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from services.alertlog.codec import Ints


class RaisedEvent(NamedTuple):
    """One event of an alert node. level: 0 (OK) to 3 (CRITICAL). time, duration: ns.

    cause: sequence and row of the point that caused it, and its number among what that caused; a negative sequence is
    that of a tick, ns.
    """

    node: str
    id: str
    level: int
    time: int
    duration: int
    message: str
    cause: tuple[int, int, int]


class EventColumns(Protocol):
    """Events of one node as columns: of a step (services.runtime.effects.Alerts), or as they lie in ALERTS."""

    @property
    def node(self) -> str: ...
    @property
    def ids(self) -> list[str]: ...
    @property
    def messages(self) -> list[str]: ...
    @property
    def level(self) -> Ints: ...
    @property
    def time(self) -> Ints: ...
    @property
    def duration(self) -> Ints: ...
    @property
    def seq(self) -> Ints: ...
    @property
    def row(self) -> Ints: ...
    @property
    def ordinal(self) -> Ints: ...


def raised(events: EventColumns, id_of: Ints, message_of: Ints) -> Iterator[RaisedEvent]:
    """Each event, in order. id_of, message_of: int[n] into ids and messages."""
    causes = zip(events.seq.tolist(), events.row.tolist(), events.ordinal.tolist(), strict=True)
    columns = (id_of, events.level, events.time, events.duration, message_of)
    rows = zip(*(column.tolist() for column in columns), causes, strict=True)
    for id, level, time, duration, message, cause in rows:
        yield RaisedEvent(events.node, events.ids[id], level, time, duration, events.messages[message], cause)
