"""Which silences an alert falls under.

Silences that ask for one value of something are found by that value, so that ten thousand of them cost an alert no more
than a few do; those that have nothing but regular expressions and negations are gone through once for each value of
what one of their conditions asks for. What was found is remembered until a silence changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.topic import Topic
from services.alertlog.info import LEVELS
from services.alertlog.matchers import Labels, Matcher, all_fit, matcher
from services.process import log as logs
from services.store.folds.silences import SilenceRecord

_log = logs.get("alerting")

T = TypeVar("T")

_REMEMBERED = 50_000
_LONG = 2_000  # characters of what is not remembered


@dataclass(frozen=True, slots=True)
class _Silence:
    record: SilenceRecord
    matchers: tuple[Matcher, ...]


class Silences:
    """All silences as they are known now."""

    def __init__(self, records: Callable[[], Iterable[SilenceRecord]]) -> None:
        """records(): all of them, as they are now."""
        self._records = records
        self._by_id: dict[str, _Silence] = {}
        self._found: dict[tuple[str, ...], tuple[SilenceRecord, ...]] = {}
        self._asked: list[str] = []  # names that any of them asks for
        self._by_value: dict[tuple[str, str], list[_Silence]] = {}
        self._names: set[str] = set()  # of values in there
        self._others: dict[str, list[tuple[Matcher, _Silence]]] = {}  # by the name that one condition asks for
        self._others_of: dict[tuple[str, ...], list[_Silence]] = {}  # of these, by what fits that condition
        self._first = self._last = 0
        self._stale = True

    def changed(self) -> None:
        """Something of them has become other than it was."""
        self._stale = True

    def any_at(self, time_ns: int) -> bool:
        """Whether an alert that was stored at this time might fall under one."""
        self._refresh()
        return self._first <= time_ns < self._last

    def of(self, labels: Labels, time_ns: int) -> list[str]:
        """The ids of those under which an alert falls that was stored at this time, in order."""
        if not self.any_at(time_ns):
            return []
        key = tuple(map(labels.of, self._asked))
        found = self._found.get(key)
        if found is None:
            found = tuple(one.record for one in self._candidates(labels) if _fits(one, labels))
            _remember(self._found, key, found)
        return sorted(record.id for record in found if record.covers(time_ns))

    def next_end(self, time_ns: int) -> int | None:
        """When the next one ends after this time, None where none does."""
        self._refresh()
        return min((one.record.end for one in self._by_id.values() if one.record.end > time_ns), default=None)

    def latest_end(self, time_ns: int) -> int:
        """When the last one ended before this time, 0 where none did."""
        self._refresh()
        return max((one.record.end for one in self._by_id.values() if one.record.end <= time_ns), default=0)

    def _candidates(self, labels: Labels) -> Iterable[_Silence]:
        for name in self._names:
            yield from self._by_value.get((name, labels.of(name)), ())
        for name in self._others:
            yield from self._others_with(name, labels.of(name))

    def _others_with(self, name: str, value: str) -> list[_Silence]:
        found = self._others_of.get((name, value))
        if found is None:
            found = [silence for one, silence in self._others[name] if one.fits(value)]
            _remember(self._others_of, (name, value), found)
        return found

    def _refresh(self) -> None:
        if not self._stale:
            return
        self._stale = False
        before, self._by_id = self._by_id, {}
        self._found, self._by_value, self._names, self._others, self._others_of = {}, {}, set(), {}, {}
        for record in self._records():
            known = before.get(record.id)
            silence = known if known is not None and known.record is record else _read(record)
            if silence is not None:
                self._by_id[record.id] = silence
                self._index(silence)
        self._asked = sorted({matcher.name for one in self._by_id.values() for matcher in one.matchers})
        self._first = min((one.record.start for one in self._by_id.values()), default=0)
        self._last = max((one.record.end for one in self._by_id.values()), default=0)

    def _index(self, silence: _Silence) -> None:
        exact = [one for one in silence.matchers if one.is_equal and not one.is_regex]
        if not exact:
            first = max(silence.matchers, key=lambda one: one.is_equal)
            self._others.setdefault(first.name, []).append((first, silence))
            return
        # an id or a tag tells more alerts apart than a level does
        chosen = max(exact, key=lambda one: one.name not in ("level", "topic", "task", "name"))
        self._by_value.setdefault((chosen.name, chosen.value), []).append(silence)
        self._names.add(chosen.name)


def labels_of(event: AlertEvent) -> Labels:
    """What matchers may ask of an event."""
    # anybody may publish to ALERTS: a name may be anything
    tags = {name: value for name, value in event.tags.items() if isinstance(value, str)}
    name = event.name if isinstance(event.name, str) else ""
    return Labels(event.topic, event.id, event.task, LEVELS[event.level], name, tags)


def labels_in(topic: Topic, id: str) -> Labels:
    """The same of the last event of an id; where no more is known than how the alert stands, of that."""
    last = topic.last(id)
    if last is not None:
        return labels_of(last.event)
    stood = topic.stood(id)
    return Labels(topic.name, id, topic.task, LEVELS[stood[0] if stood is not None else 0], "", {})


def _remember(known: dict[tuple[str, ...], T], key: tuple[str, ...], found: T) -> None:
    if sum(map(len, key)) <= _LONG:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = found


def _fits(silence: _Silence, labels: Labels) -> bool:
    return all_fit(silence.matchers, labels)


def _read(record: SilenceRecord) -> _Silence | None:
    try:
        return _Silence(record, tuple(matcher(**one) for one in record.matchers))
    except (ValueError, TypeError) as error:
        # anybody may publish to the bus; a gateway takes none such
        _log.limited(f"silence {record.id}").error(
            "a silence that cannot be read silences nothing", id=record.id, err=error
        )
        return None
