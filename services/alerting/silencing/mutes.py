"""Which mutes an alert falls under: silences for windows that come again, for all handlers or some."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.alerting.silencing.matching import ReadRecords, read_matchers
from services.alerting.topics.runs import BoundHandler
from services.alertlog.matchers import Labels, Matcher
from services.alertlog.oncall.time_intervals import ALWAYS, Segment, TimeInterval, common, time_interval
from services.process import log as logs
from services.store.folds.oncall.mutes import MuteRecord

_log = logs.get("alerting")

_NEVER: Segment = (0, 0, False)


@dataclass(slots=True, eq=False)
class Mute:
    """A mute, ready to be asked. handlers: ids or kinds; none: all."""

    record: MuteRecord
    matchers: tuple[Matcher, ...]
    intervals: tuple[TimeInterval, ...]
    handlers: frozenset[str]
    segment: Segment = _NEVER

    def at(self, time_ns: int) -> Segment:
        """What is so around this time."""
        if not self.segment[0] <= time_ns < self.segment[1]:
            self.segment = common(one.segment(time_ns) for one in self.intervals)
        return self.segment

    def covers(self, time_ns: int) -> bool:
        """Whether it mutes what was stored at this time."""
        return time_ns >= self.record.since and self.at(time_ns)[2]

    def is_for(self, handler: BoundHandler | None) -> bool:
        """Whether a handler does not get what it mutes; None: whether no handler does."""
        if handler is None or not self.handlers:
            return not self.handlers
        return handler.kind in self.handlers or (bool(handler.id) and handler.id in self.handlers)


class Mutes:
    """All mutes as they are known now."""

    def __init__(self, records: Callable[[], Iterable[MuteRecord]]) -> None:
        """records(): all of them, as they are now."""
        self._read = ReadRecords(records, _read)
        self._segment: Segment = _NEVER  # of all of them

    def changed(self) -> None:
        """Something of them has become other than it was."""
        self._read.changed()

    def any_at(self, time_ns: int) -> bool:
        """Whether an alert that was stored at this time might fall under one."""
        if self._read.refresh():
            self._segment = _NEVER
        if not self._segment[0] <= time_ns < self._segment[1]:
            self._segment = common(one.at(time_ns) for one in self._read.all)
        return self._segment[2]

    def of(self, labels: Labels, time_ns: int) -> list[Mute]:
        """Those under which an alert falls that was stored at this time."""
        if not self.any_at(time_ns):
            return []
        return [one for one in self._read.matched.of(labels) if one.covers(time_ns)]

    def next_change(self, time_ns: int) -> int | None:
        """Until when all of them are as they are at this time, None: for ever."""
        self.any_at(time_ns)
        return None if self._segment[1] == ALWAYS[1] else self._segment[1]

    def last_change(self, time_ns: int) -> int:
        """Since when they are so, 0: for ever."""
        self.any_at(time_ns)
        return max(0, self._segment[0])


def _read(record: MuteRecord) -> Mute | None:
    try:
        intervals = tuple(map(time_interval, record.intervals))
        return Mute(record, read_matchers(record.matchers), intervals, frozenset(record.handlers))
    except (ValueError, TypeError, AttributeError) as error:
        # anybody may publish to the bus; a gateway takes none such, but may know other time zones
        _log.limited(f"mute {record.id}").error("a mute that cannot be read mutes nothing", id=record.id, err=error)
        return None
