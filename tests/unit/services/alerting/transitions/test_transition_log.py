"""Transitions that are kept: found by time and by what they are of, page by page, in the store or not yet."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.alerting.transitions.transition import Place, Transition, key_of, place_of
from services.alerting.transitions.transition_log import Kept, TransitionLog
from services.alertlog.matchers import Matcher, all_fit, matcher
from services.store.store import Store

EVER = (0, (1 << 63) - 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "x.lmdb", "transitions", 1) as store:
        yield store


def transition(topic: str = "cpu", id: str = "a", level: int = 3) -> Transition:
    return Transition(topic, id, "t", "cpu", {"host": id}, level, 0, 7, 8, f"{id} is {level}", False)


def save(store: Store, log: TransitionLog) -> None:
    fresh = log.fresh()
    with store.write() as tx:
        log.write(tx, fresh)
    log.written(len(fresh))


def exact(name: str, value: str) -> Matcher:
    return matcher(name, value, False, True)


def pages(
    log: TransitionLog, matchers: Sequence[Matcher], limit: int, first: int = 0, last: int = EVER[1]
) -> list[Kept]:
    found, after = list[Kept](), None
    while True:
        page = log.page(matchers, first, last, after, limit)
        assert len(page.found) <= limit
        found += page.found
        after = page.after
        if after is None:
            return found


def test_keys_are_in_order_and_lead_back() -> None:
    places: list[Place] = [(9, 2, 0), (5, 9, 1), (5, 9, 0), (5, 1, 7), (0, 0, 0)]
    keys = [key_of(place) for place in places]
    assert keys == sorted(keys) and [place_of(key) for key in keys] == places
    with pytest.raises(ValueError):
        place_of(b"short")


def test_what_is_written_comes_back(store: Store) -> None:
    log, one = TransitionLog(store), transition()
    log.add((5, 1, 0), one)
    assert pages(log, [], 10) == [((5, 1, 0), one)]
    save(store, log)
    assert not log.fresh() and pages(log, [], 10) == [((5, 1, 0), one)]


_TRANSITIONS = st.lists(
    st.tuples(st.sampled_from(["cpu", "mem"]), st.sampled_from("abc"), st.integers(0, 3)), max_size=30
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_TRANSITIONS, st.integers(0, 30), st.integers(1, 7), st.data())
def test_the_same_as_when_each_is_asked(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, int]],
    saved: int,
    limit: int,
    data: st.DataObject,
) -> None:
    with Store.open(tmp_path_factory.mktemp("s") / "x.lmdb", "transitions", 1) as store:
        log, known = TransitionLog(store), list[Kept]()
        for i, row in enumerate(rows):
            if i == saved:
                save(store, log)
            known.append(((i // 2, i, 0), transition(*row)))
            log.add(*known[-1])
        asked = data.draw(
            st.sampled_from(
                [[], [exact("topic", "cpu")], [exact("topic", "mem"), exact("id", "a")], [exact("level", "OK")]]
            )
        )
        first, last = data.draw(st.integers(0, 15)), data.draw(st.integers(0, 15))
        wanted = [one for one in reversed(known) if first <= one[0][0] <= last and all_fit(asked, one[1].labels())]
        wanted.sort(key=lambda one: key_of(one[0]))
        assert pages(log, asked, limit, first, last) == wanted


def test_those_of_messages_that_are_gone_are_forgotten(store: Store) -> None:
    log = TransitionLog(store)
    for i in range(1200):
        log.add((i, i, 0), transition(id=str(i % 3)))
    save(store, log)
    while log.forget(1000):
        pass
    assert [place[0] for place, _ in pages(log, [], 500)] == list(range(1199, 999, -1))
    assert len(pages(log, [exact("topic", "cpu")], 500)) == 200
    with store.read() as tx:
        assert len(tx.keys("transitions_of")) == 400


def test_a_page_of_many_is_quick(store: Store) -> None:
    log = TransitionLog(store)
    for i in range(20_000):
        log.add((i, i, 0), transition(id=str(i % 1000)))
    save(store, log)
    for matchers in ([], [exact("topic", "cpu"), exact("id", "7")], [exact("topic", "cpu"), exact("level", "OK")]):
        began = time.process_time()
        log.page(matchers, *EVER, None, 100)
        assert time.process_time() - began < 2.0  # under 0.1 s where nothing else runs
