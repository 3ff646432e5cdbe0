"""Which silences an alert falls under."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.alerting.silencing.matching import ReadRecords, read_matchers
from services.alertlog.matchers import Labels, Matcher
from services.process import log as logs
from services.store.folds.silences import SilenceRecord

_log = logs.get("alerting")


@dataclass(frozen=True, slots=True)
class _Silence:
    record: SilenceRecord
    matchers: tuple[Matcher, ...]


class Silences:
    """All silences as they are known now."""

    def __init__(self, records: Callable[[], Iterable[SilenceRecord]]) -> None:
        """records(): all of them, as they are now."""
        self._read = ReadRecords(records, _read)
        self._first = self._last = 0

    def changed(self) -> None:
        """Something of them has become other than it was."""
        self._read.changed()

    def any_at(self, time_ns: int) -> bool:
        """Whether an alert that was stored at this time might fall under one."""
        self._refresh()
        return self._first <= time_ns < self._last

    def of(self, labels: Labels, time_ns: int) -> list[str]:
        """The ids of those under which an alert falls that was stored at this time, in order."""
        if not self.any_at(time_ns):
            return []
        return sorted(one.record.id for one in self._read.matched.of(labels) if one.record.covers(time_ns))

    def next_end(self, time_ns: int) -> int | None:
        """When the next one ends after this time, None where none does."""
        self._refresh()
        return min((one.record.end for one in self._read.all if one.record.end > time_ns), default=None)

    def latest_end(self, time_ns: int) -> int:
        """When the last one ended before this time, 0 where none did."""
        self._refresh()
        return max((one.record.end for one in self._read.all if one.record.end <= time_ns), default=0)

    def _refresh(self) -> None:
        if self._read.refresh():
            self._first = min((one.record.start for one in self._read.all), default=0)
            self._last = max((one.record.end for one in self._read.all), default=0)


def _read(record: SilenceRecord) -> _Silence | None:
    try:
        return _Silence(record, read_matchers(record.matchers))
    except (ValueError, TypeError) as error:
        # anybody may publish to the bus; a gateway takes none such
        _log.limited(f"silence {record.id}").error(
            "a silence that cannot be read silences nothing", id=record.id, err=error
        )
        return None
