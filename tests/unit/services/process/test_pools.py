"""Pools of threads: what hangs takes one thread, and only of its own kind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.process.pools import Busy, Pool


async def test_it_gives_what_the_work_gives_and_raises_what_it_raises() -> None:
    pool = Pool("test", 2)
    assert await pool.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(divmod, 7, 0)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await pool.run(next, iter(()))


async def test_work_is_done_by_so_many_threads_at_once_and_no_more() -> None:
    pool = Pool("test", 2)
    both = threading.Barrier(2)
    names = await asyncio.gather(*(pool.run(_met, both) for _ in range(6)))
    assert len(set(names)) == 2


async def test_what_hangs_is_given_up_and_takes_one_thread_only() -> None:
    pool, hangs = Pool("test", 2), threading.Event()
    try:
        with pytest.raises(Busy, match=r"not done within 0.05 s: disk"):
            await pool.run_within(0.05, "disk", hangs.wait)
        for _ in range(5):
            with pytest.raises(Busy, match="still waiting for disk"):
                await pool.run_within(10, "disk", hangs.wait)
        assert await pool.run_within(10, "other", divmod, 7, 2) == (3, 1)
    finally:
        hangs.set()
    async with asyncio.timeout(10):
        while True:
            try:
                assert await pool.run_within(5, "disk", hangs.wait)
                break
            except Busy:
                await asyncio.sleep(0)


async def test_a_timeout_of_the_work_s_own_is_no_hanging() -> None:
    def work() -> None:
        raise TimeoutError("of a socket")

    with pytest.raises(TimeoutError, match="of a socket"):
        await Pool("test", 1).run_within(10, "it", work)


async def test_more_than_so_many_pieces_of_work_do_not_wait() -> None:
    pool, hangs = Pool("test", 1, most_waiting=2), threading.Event()
    begun = threading.Event()

    def work() -> bool:
        begun.set()
        return hangs.wait(10)

    working = [asyncio.create_task(pool.run(work))]
    async with asyncio.timeout(10):
        while not begun.is_set():
            await asyncio.sleep(0)
    working += [asyncio.create_task(pool.run(work)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy, match="more than 2 pieces of work wait for the threads of test"):
        await pool.run(work)
    hangs.set()
    assert await asyncio.gather(*working) == [True, True, True]


def _met(both: threading.Barrier) -> str:
    both.wait(10)
    return f"{threading.get_ident()}"


async def test_pieces_that_come_at_once_each_have_a_thread() -> None:
    """Also where one thread is free: who comes second does not wait behind one that hangs."""
    pool = Pool("test", 2)
    await pool.run(lambda: None)
    hanging = threading.Event()
    first = asyncio.create_task(pool.run(hanging.wait))
    second = asyncio.create_task(pool.run(lambda: 2))
    assert await asyncio.wait_for(second, 10) == 2
    hanging.set()
    await first
