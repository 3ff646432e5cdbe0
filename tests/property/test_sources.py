"""Batches of several query nodes in a replay: in order of time, however they come in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.columns.column import IntArray
from services.columns.frame import Batches
from services.columns.groups.series import SeriesTable
from services.connectors.influxdb_results import NO_TIME, Batch, together
from services.recorder.replay.clock import ReplayClock
from services.recorder.replay.sources import BatchSource, play_batches
from tests.support.examples import examples

ZERO = 1_000_000


class Order:
    """Stands for the stage and the task on it: keeps what it is given, and when."""

    def __init__(self) -> None:
        self.run = self
        self.fed: list[tuple[str, int, int, tuple[int, ...], int]] = []

    async def through(
        self, processing_times: IntArray, clock: ReplayClock, step: Callable[[int, int], Sequence[Any]], most: int
    ) -> None:
        step(0, len(processing_times))

    def feed(self, query: str, batches: Batches, seq: int, processing_times: IntArray) -> list[Any]:
        for i in range(len(batches)):
            times = tuple(batches.points.time[batches.offsets[i] : batches.offsets[i + 1]].tolist())
            self.fed.append((query, seq + i, int(batches.tmax[i]), times, int(processing_times[i])))
        return []


_BATCHES = st.lists(
    st.tuples(st.integers(0, 20) | st.just(NO_TIME), st.lists(st.integers(0, 20), max_size=3)), max_size=6
)


async def play(streams: list[list[tuple[int, list[int]]]], cut: int, real: bool, recording_time: bool) -> Order:
    table = SeriesTable()

    async def pieces(stream: list[tuple[int, list[int]]]) -> AsyncIterator[Batches]:
        for at in range(0, len(stream), cut):
            some = [Batch("m", (), False, tmax, np.array(t, dtype=np.int64), {}) for tmax, t in stream[at : at + cut]]
            yield together(some, table)

    order = Order()
    sources = [
        BatchSource(str(i), pieces(stream), ReplayClock(ZERO, real=real, recording_time=recording_time))
        for i, stream in enumerate(streams)
    ]
    await play_batches(order, sources, lambda points: None)  # type: ignore[arg-type]
    return order


@examples(300)
@given(st.lists(_BATCHES, min_size=1, max_size=3), st.booleans(), st.booleans())
async def test_how_they_come_in_does_not_show(
    streams: list[list[tuple[int, list[int]]]], real: bool, recording_time: bool
) -> None:
    whole = await play(streams, 100, real, recording_time)
    for cut in (1, 2):
        assert (await play(streams, cut, real, recording_time)).fed == whole.fed
    assert [seq for _, seq, *_ in whole.fed] == list(range(1, len(whole.fed) + 1))
    for i, stream in enumerate(streams):
        mine = [fed for fed in whole.fed if fed[0] == str(i)]
        firsts = [times[0] for _, times in stream if times]
        distance = 0 if recording_time or not firsts else ZERO - firsts[0]
        assert [times for *_, times, _ in mine if times] == [
            tuple(t + distance for t in times) for _, times in stream if times
        ]
        moments = [moment for *_, moment in mine]
        assert moments == sorted(moments)
        assert all(tmax >= times[-1] for _, _, tmax, times, _ in mine if times)
        assert NO_TIME not in [tmax for _, _, tmax, *_ in mine]
    if not real:
        moments = [moment for *_, moment in whole.fed]
        assert moments == sorted(moments)
