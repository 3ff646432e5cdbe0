"""How far nodes are with what they send: kept in LMDB and on the bus, by the place of each thing."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.bus.connection import Bus
from services.bus.epochs import Epochs
from services.columns.frame import Step
from services.columns.places import LastPlaces, Place, PlaceSequence
from services.runtime.progress.deliveries import Delivered, Deliveries
from services.store.errors import StoreError
from services.store.store import Store
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

BEGAN = 1_700_000_000_000_000_000


def _step(seqs: list[int], tick: int = 0) -> Step:
    seq = np.array(seqs, dtype=np.int64)
    return Step(seq, np.arange(len(seqs), dtype=np.int32), seq, 0, tick)


def _places(places: PlaceSequence, step: Step, origin: list[int], epochs: Epochs) -> list[Place]:
    found = places.of(step, np.array(origin, dtype=np.int64), epochs)
    return [found[i] for i in range(len(found))]


def test_points_and_ticks_are_numbered_apart() -> None:
    places, epochs = PlaceSequence(), Epochs([(0, 1000)])
    assert _places(places, _step([4, 5]), [0, 0, 1], epochs) == [(1004, 0, 0), (1004, 0, 1), (1005, 1, 0)]
    assert _places(places, _step([], 77), [0, 0], epochs) == [(-77, 0, 0), (-77, 0, 1)]
    reached = LastPlaces()
    reached.reach((1004, 0, 1))
    reached.reach((-77, 0, 0))
    assert reached.covers((1004, 0, 0)) and reached.covers((1004, 0, 1)) and not reached.covers((1005, 1, 0))
    assert reached.covers((-77, 0, 0)) and not reached.covers((-77, 0, 1)) and reached.covers((-76, 5, 5))


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5).map(sorted), min_size=1, max_size=6), st.data())
def test_places_rise_whatever_comes_and_however_it_is_cut(messages: list[list[int]], data: st.DataObject) -> None:
    """Messages of one step, whose origins may fall from one to the next."""
    step, epochs = _step([1, 1, 2, 3]), Epochs()
    whole = PlaceSequence()
    found = [place for origin in messages for place in _places(whole, step, origin, epochs)]
    assert all(a < b for a, b in itertools.pairwise(found))
    # gone on with from a state in between
    cut = data.draw(st.integers(0, len(messages)))
    again = PlaceSequence()
    for origin in messages[:cut]:
        _places(again, step, origin, epochs)
    behind = PlaceSequence()
    behind.restore(again.state())
    later = _step([5])
    assert _places(behind, later, [0], epochs) == [(5, 0, 0)]


async def test_found_again_here_and_by_others(nats_server: NatsServer, tmp_path: Path) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        with Store.open(tmp_path / "one", "test", durable=False) as store:
            one = Deliveries(store, bus, 4, lambda: True, lambda shard: True)
            node = one.open("t", BEGAN)("post")
            node.done((5, 1, 0), code=204)
            node.done((6, 0, 0), code=500)
            one.open("t", BEGAN)("influx").done((3, 0, 0), ordering_key="db\0rp")
            await asyncio.sleep(0)  # the next turn
            await one.publish()
            node.done((-9, 0, 0))
            await asyncio.sleep(0)
            answers = one.answers(["t", "unknown"])
            one.close(["t"])
            _knows(one.open("t", BEGAN)("post"))
            one.in_states(answers)
            _knows(one.open("t", BEGAN)("post"))  # those were of the book that was closed
        with Store.open(tmp_path / "one", "test", durable=False) as store:
            again = Deliveries(store, bus, 4, lambda: True, lambda shard: True)
            _knows(again.open("t", BEGAN)("post"))
            assert again.open("t", BEGAN)("influx").covers((3, 0, 0), "db\0rp")
            assert not again.open("t", BEGAN)("influx").covers((3, 0, 0))
            assert again.last_tick("t") == 9 and not again.last_tick("unknown")
            # answers that states hold are not kept for ever
            again.in_states(again.answers(["t", "unknown"]))
            assert again.open("t", BEGAN)("post").code((6, 0, 0)) is None
            assert again.open("t", BEGAN)("post").covers((6, 0, 0))
        with Store.open(tmp_path / "other", "test", durable=False) as store:
            other = Deliveries(store, bus, 4, lambda: True, lambda shard: True)
            await other.learn()
            _knows(other.open("t", BEGAN)("post"))
            assert not other.open("t", BEGAN + 1)("post").covers((1, 0, 0)), "of another run"
            other.drop("t")
            await other.publish()
            await other.learn()
            assert not other.open("t", BEGAN)("post").covers((1, 0, 0))


async def test_answers_that_no_state_holds_yet_are_not_forgotten(nats_server: NatsServer, tmp_path: Path) -> None:
    """A worker that has gone back saves its state before it has come to them again."""
    async with await Bus.connect(nats_server.url, "test") as bus:
        with Store.open(tmp_path / "one", "test", durable=False) as store:
            deliveries = Deliveries(store, bus, 4, lambda: True, lambda shard: True)
            before = deliveries.open("t", BEGAN)("post")
            for seq in (5, 6, 7):
                before.done((seq, 0, 0), code=200 + seq)
            deliveries.close(["t"])
            node = deliveries.open("t", BEGAN)("post")
            deliveries.in_states(deliveries.answers(["t"]))
            assert node.code((5, 0, 0)) == 205
            deliveries.in_states(deliveries.answers(["t"]))
            assert node.code((5, 0, 0)) is None and node.code((6, 0, 0)) == 206
            node.done((7, 0, 0), code=500)
            deliveries.in_states(deliveries.answers(["t"]))
            assert node.code((6, 0, 0)) is None and node.code((7, 0, 0)) is None and node.covers((7, 0, 0))
            deliveries.close(["t"])


async def test_what_could_not_be_written_is_written_with_the_next_change(
    nats_server: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await Bus.connect(nats_server.url, "test") as bus:
        with Store.open(tmp_path / "one", "test", durable=False) as store:
            deliveries = Deliveries(store, bus, 4, lambda: True, lambda shard: True)
            node = deliveries.open("t", BEGAN)("post")
            with monkeypatch.context() as full:
                full.setattr(store, "write", _full)
                node.done((5, 0, 0))
                await asyncio.sleep(0)
            node.done((6, 0, 0))
            await asyncio.sleep(0)
            assert store.get("deliveries", "t") is not None


def _full() -> None:
    raise StoreError("the disk is full")


def _knows(node: Delivered) -> None:
    assert node.covers((5, 1, 0)) and node.covers((6, 0, 0)) and not node.covers((6, 0, 1))
    assert (node.code((5, 1, 0)), node.code((6, 0, 0)), node.code((7, 0, 0))) == (204, 500, None)


@pytest.mark.parametrize("packed", [[BEGAN], [BEGAN, {"post": 5}], [BEGAN, {"post": [{"": [1]}, []]}]])
async def test_what_cannot_be_read_is_left_aside(nats_server: NatsServer, tmp_path: Path, packed: object) -> None:
    from services.store import codec

    async with await Bus.connect(nats_server.url, "test") as bus:
        with Store.open(tmp_path / "one", "test", durable=False) as store:
            with store.write() as tx:
                tx.put("deliveries", "t", codec.pack(packed))
            assert (
                not Deliveries(store, bus, 4, lambda: True, lambda shard: True)
                .open("t", BEGAN)("post")
                .covers((1, 0, 0))
            )
