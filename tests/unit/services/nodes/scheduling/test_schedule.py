"""Ticks of batch queries."""

from services.nodes.scheduling.schedule import ByCron, Every

S = 10**9
START = 1_700_000_003 * S


def seconds(*ticks: int | None) -> list[float | None]:
    return [None if t is None else (t - 1_700_000_000 * S) / S for t in ticks]


def test_ticks_begin_one_interval_after_the_start() -> None:
    every = Every(10 * S)
    assert seconds(every.first(START), every.next(START), every.after(START, START + 25 * S)) == [13, 13, 33]
    assert every.after(START, START + 20 * S) == START + 30 * S


def test_aligned_ticks_are_rounded() -> None:
    every = Every(10 * S, align=True)
    assert seconds(every.first(START), every.next(START), every.next(START + 2 * S)) == [10, 10, 20]


def test_cron_goes_by_the_clock() -> None:
    cron = ByCron("*/20 * * * * * *")
    assert seconds(cron.first(START), cron.next(START + 17 * S), cron.after(START, START + 100 * S)) == [20, 40, 120]
