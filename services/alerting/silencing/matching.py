"""Finding what an alert fits, of many that have matchers.

Those that ask for one value of something are found by that value, so that ten thousand of them cost an alert no more
than a few do; those that have nothing but regular expressions and negations are gone through once for each value of
what one of their conditions asks for. What was found is remembered until one of them changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from services.alertlog.matchers import Labels, Matcher, all_fit, matcher

_REMEMBERED = 50_000
_LONG = 2_000  # characters of what is not remembered


class Matching(Protocol):
    """What has matchers."""

    @property
    def matchers(self) -> Sequence[Matcher]:
        """An alert must fit all of them; none: every alert does."""


M = TypeVar("M", bound=Matching)
R = TypeVar("R")
T = TypeVar("T")


class Matched(Generic[M]):
    """Things that have matchers, found by what alerts fit."""

    def __init__(self, things: Iterable[M] = ()) -> None:
        self._found: dict[tuple[str, ...], tuple[M, ...]] = {}
        self._by_value: dict[tuple[str, str], list[M]] = {}
        self._names: set[str] = set()  # of values in there
        self._others: dict[str, list[tuple[Matcher, M]]] = {}  # by the name that one condition asks for
        self._others_of: dict[tuple[str, ...], list[M]] = {}  # of these, by what fits that condition
        self._for_all: list[M] = []
        asked: set[str] = set()
        for thing in things:
            self._enter(thing)
            asked.update(one.name for one in thing.matchers)
        self._asked = sorted(asked)

    def of(self, labels: Labels) -> tuple[M, ...]:
        """Those that an alert fits."""
        key = tuple(map(labels.of, self._asked))
        found = self._found.get(key)
        if found is None:
            found = tuple(one for one in self._candidates(labels) if all_fit(one.matchers, labels))
            _remember(self._found, key, found)
        return found

    def _candidates(self, labels: Labels) -> Iterable[M]:
        yield from self._for_all
        for name in self._names:
            yield from self._by_value.get((name, labels.of(name)), ())
        for name in self._others:
            yield from self._others_with(name, labels.of(name))

    def _others_with(self, name: str, value: str) -> list[M]:
        found = self._others_of.get((name, value))
        if found is None:
            found = [thing for one, thing in self._others[name] if one.fits(value)]
            _remember(self._others_of, (name, value), found)
        return found

    def _enter(self, thing: M) -> None:
        if not thing.matchers:
            self._for_all.append(thing)
            return
        exact = [one for one in thing.matchers if one.is_equal and not one.is_regex]
        if not exact:
            first = max(thing.matchers, key=lambda one: one.is_equal)
            self._others.setdefault(first.name, []).append((first, thing))
            return
        # an id or a tag tells more alerts apart than a level does
        chosen = max(exact, key=lambda one: one.name not in ("level", "topic", "task", "name"))
        self._by_value.setdefault((chosen.name, chosen.value), []).append(thing)
        self._names.add(chosen.name)


class ReadRecords(Generic[R, M]):
    """What is made of records, each read once, and found by what alerts fit."""

    def __init__(self, records: Callable[[], Iterable[R]], read: Callable[[R], M | None]) -> None:
        """records(): all of them, as they are now. read: None for what cannot be used, and has been told."""
        self._records, self._read = records, read
        self._known: list[tuple[R, M]] = []
        self._stale = True
        self.matched: Matched[M] = Matched()

    def changed(self) -> None:
        """Some of the records have become other than they were."""
        self._stale = True

    def refresh(self) -> bool:
        """Take in what has changed; whether something has."""
        if not self._stale:
            return False
        self._stale = False
        before = {id(record): made for record, made in self._known}
        read = ((one, before[id(one)] if id(one) in before else self._read(one)) for one in self._records())
        self._known = [(record, made) for record, made in read if made is not None]
        self.matched = Matched(self.all)
        return True

    @property
    def all(self) -> list[M]:
        """All that can be used."""
        return [made for _, made in self._known]


def read_matchers(plain: Iterable[dict[str, Any]]) -> tuple[Matcher, ...]:
    """Matchers as records have them. ValueError or TypeError where one is none."""
    return tuple(matcher(**one) for one in plain)


def _remember(known: dict[tuple[str, ...], T], key: tuple[str, ...], found: T) -> None:
    if sum(map(len, key)) <= _LONG:
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = found
