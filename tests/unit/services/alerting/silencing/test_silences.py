"""Which silences an alert falls under: by value, by regular expression, by time; and as they change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.alerting.silencing.silences import Silences
from services.alertlog.matchers import Labels, all_fit, matcher
from services.bus.positions import EventsSeq
from services.store.folds.silences import SilenceRecord


def matching(name: str, value: str, is_regex: bool = False, is_equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "is_regex": is_regex, "is_equal": is_equal}


def silence(id: str, *matchers: dict[str, Any], start: int = 0, end: int = 100) -> SilenceRecord:
    return SilenceRecord(id, list(matchers), start, end, 0, "me", "", EventsSeq(1))


def labels(host: str = "a", level: str = "CRITICAL", id: str = "x") -> Labels:
    return Labels("cpu", id, "rule", level, "cpu", {"host": host})


def test_by_value_by_pattern_and_by_time() -> None:
    found = Silences(
        lambda: [
            silence("a", matching("host", "a")),
            silence("late", matching("host", "a"), start=50, end=60),
            silence("pattern", matching("host", "[ab]", is_regex=True)),
            silence("not", matching("host", "a", is_equal=False), matching("level", "CRITICAL")),
        ]
    )
    assert found.of(labels(), 10) == ["a", "pattern"]
    assert found.of(labels(), 50) == ["a", "late", "pattern"]
    assert found.of(labels(), 60) == ["a", "pattern"]
    assert found.of(labels("b"), 10) == ["not", "pattern"]
    assert found.of(labels("b", "OK"), 10) == ["pattern"]
    assert found.of(labels(), 100) == []
    assert not found.any_at(100) and found.any_at(99)


def test_as_they_change() -> None:
    known = [silence("a", matching("host", "a"))]
    found = Silences(lambda: known)
    assert found.of(labels(), 10) == ["a"]
    known[:] = [silence("a", matching("host", "b"))]
    found.changed()
    assert found.of(labels(), 10) == []
    assert found.of(labels("b"), 10) == ["a"]


def test_ends() -> None:
    found = Silences(lambda: [silence("a", matching("host", "a")), silence("b", matching("host", "a"), end=50)])
    assert (found.next_end(10), found.next_end(50), found.next_end(100)) == (50, 100, None)
    assert (found.latest_end(10), found.latest_end(50), found.latest_end(100)) == (0, 50, 100)


def test_one_that_cannot_be_read_silences_nothing() -> None:
    found = Silences(
        lambda: [silence("bad", matching("host", "(", is_regex=True)), silence("a", matching("host", "a"))]
    )
    assert found.of(labels(), 10) == ["a"]


_MATCHERS = st.builds(
    matching,
    st.sampled_from(["host", "level", "id", "none"]),
    st.sampled_from(["", "a", "b", "OK"]),
    st.booleans(),
    st.booleans(),
)
_SILENCES = st.lists(st.lists(_MATCHERS, min_size=1, max_size=3), max_size=6)


@given(_SILENCES, st.sampled_from(["a", "b", ""]), st.sampled_from(["OK", "CRITICAL"]))
def test_the_same_as_when_each_is_asked(known: Sequence[list[dict[str, Any]]], host: str, level: str) -> None:
    records = [silence(str(i), *matchers) for i, matchers in enumerate(known)]
    of = labels(host, level)
    wanted = [one.id for one in records if all_fit([matcher(**each) for each in one.matchers], of)]
    found = Silences(lambda: records)
    assert found.of(of, 10) == found.of(of, 10) == sorted(wanted)


def test_ten_thousand_of_them_cost_an_alert_little() -> None:
    found = Silences(lambda: [silence(str(i), matching("host", f"host{i}")) for i in range(10_000)])
    alerts = [labels(f"host{i % 20_000}", id=str(i)) for i in range(20_000)]
    assert found.any_at(10)
    began = time.process_time()
    silenced = sum(bool(found.of(one, 10)) for one in alerts)
    assert silenced == 10_000
    assert time.process_time() - began < 20_000 * 100e-6  # under 10 us where nothing else runs


def test_a_thousand_patterns_are_asked_once_for_each_value() -> None:
    found = Silences(lambda: [silence(str(i), matching("host", f"host{i}.*", is_regex=True)) for i in range(1_000)])
    assert found.any_at(10)
    began = time.process_time()
    assert not any(found.of(labels("a", id=str(i)), 10) for i in range(10_000))
    assert time.process_time() - began < 2.0  # each for each alert: over 20 s
