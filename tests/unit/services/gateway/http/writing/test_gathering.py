"""Which writes go together, and that each is answered as its own."""

from __future__ import annotations

import asyncio
import contextlib

import httpx
import pytest

from services.bus.connection import Bus
from services.gateway.http.writing.gathering import Gathering
from tests.unit.services.gateway.http.writing.test_writes import written_after


class Stored:
    """Takes messages, each only when it is let."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.users: list[str] = []
        self.failing: set[int] = set()
        self._let: asyncio.Queue[None] = asyncio.Queue()

    async def __call__(self, subject: str, body: bytes, precision: str, *, user: str) -> None:
        number = len(self.got)
        self.users.append(user)
        self.got.append((subject, precision, body))
        await self._let.get()
        if number in self.failing:
            raise OSError(f"message {number}")

    def let(self) -> None:
        self._let.put_nowait(None)


async def started(gathering: Gathering, *bodies: bytes, subject: str = "s") -> list[asyncio.Task[None]]:
    """Writes that come in one turn of the loop, which is over when this returns."""
    tasks = [asyncio.create_task(gathering.write(subject, "s", body)) for body in bodies]
    for _ in range(4):  # they begin, the turn ends, their message's task begins, and whoever was in its way is past it
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_in_one_turn_is_stored_together() -> None:
    store = Stored()
    gathering = Gathering(store)
    together = await started(gathering, b"m v=1 1\n", b"m v=2 2", b"m v=3 3")
    alone = await started(gathering, b"m v=4 4\n", subject="t")
    assert store.got == [("s", "s", b"m v=1 1\nm v=2 2\nm v=3 3"), ("t", "s", b"m v=4 4\n")]
    assert not any(task.done() for task in together)
    store.let()
    store.let()
    await asyncio.gather(*together, *alone)


async def test_what_several_users_write_is_not_stored_together() -> None:
    store = Stored()
    gathering = Gathering(store)
    users = ("ann", "ben", "ann")
    writes = [asyncio.create_task(gathering.write("s", "s", b"m v=%d 1" % n, user)) for n, user in enumerate(users)]
    store.let()
    store.let()
    await asyncio.gather(*writes)
    assert sorted(zip(store.users, [body for _, _, body in store.got], strict=True)) == [
        ("ann", b"m v=0 1\nm v=2 1"),
        ("ben", b"m v=1 1"),
    ]


async def test_who_hangs_up_within_the_turn_does_not_take_the_others_along() -> None:
    store = Stored()
    gathering = Gathering(store)
    writes = [asyncio.create_task(gathering.write("s", "s", b"m v=%d %d" % (i, i))) for i in range(3)]
    await asyncio.sleep(0)
    writes[0].cancel()
    store.let()
    await asyncio.wait_for(asyncio.gather(*writes[1:]), 5)
    assert [body for _, _, body in store.got] == [b"m v=1 1\nm v=2 2"]
    assert writes[0].cancelled()
    store.let()
    await asyncio.wait_for(gathering.write("s", "s", b"m v=3 3"), 5)


async def test_what_comes_while_one_is_stored_is_stored_together() -> None:
    store = Stored()
    gathering = Gathering(store)
    first = await started(gathering, b"m v=1 1")
    others = await started(gathering, b"m v=2 2\n", b"m v=3 3", b"m v=4 4")
    elsewhere = await started(gathering, b"m v=5 5", subject="t")
    assert [(subject, body) for subject, _, body in store.got] == [("s", b"m v=1 1"), ("t", b"m v=5 5")]
    store.let()
    store.let()
    await asyncio.gather(*first, *elsewhere)
    assert not any(task.done() for task in others)
    store.let()
    await asyncio.gather(*others)
    assert store.got[2:] == [("s", "s", b"m v=2 2\nm v=3 3\nm v=4 4")]


async def test_two_clients_have_a_message_each_on_its_way() -> None:
    store = Stored()
    gathering = Gathering(store)
    for number in range(20):
        store.let()
        await gathering.write("s", "s", b"m v=1 %d" % number)
    two = [*await started(gathering, b"m v=2 2"), *await started(gathering, b"m v=3 3")]
    more = await started(gathering, b"m v=4 4", b"m v=5 5")
    assert len(store.got) == 22
    for _ in range(3):
        store.let()
    await asyncio.gather(*two, *more)
    assert store.got[22:] == [("s", "s", b"m v=4 4\nm v=5 5")]


async def test_what_a_single_client_writes_goes_at_once() -> None:
    store = Stored()
    gathering = Gathering(store)
    for number in range(20):
        store.let()
        await gathering.write("s", "s", b"m v=1 %d" % number)
    write = asyncio.create_task(gathering.write("s", "s", b"m v=2 2"))
    await asyncio.sleep(0)
    assert store.got[20:] == [("s", "s", b"m v=2 2")]
    store.let()
    await write


class Slow:
    """Takes messages, each after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.bodies: list[bytes] = []

    async def __call__(self, subject: str, body: bytes, precision: str, *, user: str) -> None:
        self.bodies.append(body)
        await asyncio.sleep(self.seconds)


async def writes_again(gathering: Gathering, times: int, pause: float = 0.0) -> None:
    """A client that writes again when it has been answered, so many times."""
    for number in range(times):
        await gathering.write("s", "s", b"m v=1 %d" % number)
        await asyncio.sleep(pause)


async def test_clients_that_write_again_sooner_than_a_message_is_stored_come_to_go_together() -> None:
    store = Slow(0.004)
    gathering = Gathering(store)
    first = asyncio.create_task(writes_again(gathering, 60))
    await asyncio.sleep(0.002)  # they begin out of step
    await asyncio.gather(first, writes_again(gathering, 60))
    counts = [body.count(b"\n") + 1 for body in store.bodies]
    assert sum(counts) == 120
    assert sum(count == 2 for count in counts[-20:-2]) > 12


async def test_who_writes_seldom_is_not_waited_for() -> None:
    store = Slow(0.0)
    gathering = Gathering(store)
    await asyncio.gather(*(writes_again(gathering, 20, 0.002) for _ in range(2)))
    for _ in range(20):
        await gathering.write("s", "s", b"m v=1 1")
        await asyncio.sleep(0.001)
    store.bodies.clear()
    two = [*await started(gathering, b"m v=2 2"), *await started(gathering, b"m v=3 3")]
    assert store.bodies == [b"m v=2 2", b"m v=3 3"]
    await asyncio.gather(*two)


async def test_who_does_not_come_back_is_not_waited_for_long() -> None:
    store = Slow(0.004)
    gathering = Gathering(store)
    await asyncio.gather(*(writes_again(gathering, 30) for _ in range(2)))
    for number in range(3):
        await asyncio.wait_for(gathering.write("s", "s", b"m v=1 %d" % number), 1)
    assert store.bodies[-3:] == [b"m v=1 0", b"m v=1 1", b"m v=1 2"]


async def test_writes_to_many_subjects_end_whatever_is_remembered_of_them() -> None:
    store = Slow(0.0)
    gathering = Gathering(store)
    busy = asyncio.create_task(writes_again(gathering, 50))
    for number in range(1100):
        await gathering.write(f"s{number}", "s", b"m v=1 1")
    await busy
    assert len(store.bodies) == 1150


async def test_what_is_not_stored_is_told_to_all_that_went_with_it_and_to_no_other() -> None:
    store = Stored()
    store.failing = {1}
    gathering = Gathering(store)
    writes = await started(gathering, b"m v=1 1")
    writes += await started(gathering, b"m v=2 2", b"m v=3 3")
    store.let()
    await writes[0]
    last = await started(gathering, b"m v=4 4")
    store.let()
    for write in writes[1:]:
        with pytest.raises(OSError, match="message 1"):
            await write
    store.let()
    await asyncio.gather(*last)


async def test_who_hangs_up_does_not_take_the_others_along() -> None:
    store = Stored()
    gathering = Gathering(store)
    writes = await started(gathering, b"m v=1 1")
    writes += await started(gathering, b"m v=2 2", b"m v=3 3")
    writes[0].cancel()
    writes[1].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await writes[0]
    store.let()
    store.let()
    await asyncio.wait_for(writes[2], 5)
    assert store.got[-1][2] == b"m v=2 2\nm v=3 3"


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        (b"m v=1 1", True),
        (b"m v=1 -5\r\nm v=2 6\n", True),
        (b"m v=1", False),
        (b"m v=1 1\nm v=2", False),
        (b'm v="a\nb 1" 5', False),
        (b'm v="a 5"', False),
        (b"# 5 5\n", True),
        (b"m v=1 1\n" * 3000, False),
    ],
)
def test_only_small_bodies_that_say_their_times_go_together(body: bytes, taken: bool) -> None:
    assert Gathering.takes(body) is taken


async def test_many_small_writes_come_to_few_messages(gateway: httpx.AsyncClient, bus: Bus) -> None:
    """Each is answered 204, and each of its points is in the stream once."""
    position = await bus.last_sequence("WRITES")
    bodies = [f"cpu,host=h{i} v={i} {i}" for i in range(200)]
    answers = await asyncio.gather(*(gateway.post("/write?db=d&precision=s", content=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {204}
    messages = await written_after(bus, position)
    assert sorted(line for m in messages for line in m.data.decode().splitlines()) == sorted(bodies)
    assert len(messages) < 150
