"""Which workers live: this one's heartbeats, and what is heard of the others', in a thread of their own.

Bucket `workers`, key WORKER: a heartbeat that changes every interval; a worker whose heartbeat has not changed for
`ttl` seconds of this machine's monotonic clock is dead, and so is one whose process ran on this machine and has ended.
No clocks are compared. A heartbeat says whether its worker takes shards yet: one that is still reading the log is
coming. Other services share their work so in buckets of their own.

The thread has a connection of its own, so that others hear of a process that is busy with a long step, a big answer or
the start of thousands of tasks. An event loop that hangs, or has lost its own connection for good, is not kept alive by
it for ever: the heartbeats cease when the loop has not turned with a connection for `HUNG_SECONDS`.

Two that live under one name would both run everything. Each process therefore has a token of its own beside the name:
a later one waits until the former's heartbeat has stopped, and a former one that is heard again after that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from services.bus.buckets.kv import Bucket, Entry
from services.bus.connection import Bus
from services.bus.errors import ApiError, BusError, BusUnavailable, WrongSequence
from services.bus.subjects import escape, unescape
from services.process import log as logs
from services.process.machine import has_ended, this_machine

HUNG_SECONDS = 30.0
"""Longer than a task's step may last before its worker is ended for it."""

_BURIED_AFTER = 20  # times ttl: then a dead worker's heartbeat is deleted
_COMING = 3  # times ttl: how long shards wait for a worker that is coming
_TURN = 0.25  # seconds; how often the event loop says that it turns
_LEAVE_SECONDS = 2.0
_NOT_FOUND = 404

T = TypeVar("T")


class Replaced(Exception):
    """Another process has taken this worker's name over: this one must end."""


class SharedLost(BusError):
    """A bucket that workers share their work by was deleted, maybe made anew: what is known of it counts no more, and
    this process must end. The next one makes it, or finds it."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Where a kind of worker has its heartbeats and its leases, and whose log tells of them."""

    workers: str = "workers"
    leases: str = "leases"
    log: str = "engine"


@dataclass(slots=True)
class _Peer:
    beat: bytes
    revision: int
    seen: float  # monotonic
    serves: bool
    since: float  # monotonic: when it was first heard of
    machine: str
    pid: int

    def lives(self, now: float, ttl: float) -> bool:
        # the number of a process that was another machine's, or a former one's, may be ours now
        return now - self.seen < ttl and (self.pid == os.getpid() or not has_ended(self.machine, self.pid))


class Membership:
    """This worker among the others. Made, joined and left in one event loop; only what says so runs in the thread."""

    def __init__(
        self, bus: Bus, name: str, ttl: float, interval: float, replicas: int = 1, buckets: Buckets = Buckets()
    ) -> None:
        """ttl, interval: seconds. replicas: on how many servers of a cluster the bucket lies."""
        self._near, self.name, self._replicas = bus, name, replicas
        self.ttl, self.interval, self.buckets = ttl, min(interval, ttl / 3), buckets
        self._log = logs.get(buckets.log)
        self.boot = secrets.token_hex(8)
        self.changed: Callable[[], None] = lambda: None  # called in the event loop: others have come or gone
        self._loop = asyncio.get_running_loop()
        self._thread_loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self._turning: asyncio.TimerHandle | None = None
        self._turned = time.monotonic()
        self._heard = asyncio.Event()
        self._claimed = 0  # the gap after which the leases were last found to be ours
        # from here on the thread's; the event loop only reads it
        self._bus: Bus | None = None
        self._bucket: Bucket
        self._tasks: list[asyncio.Task[None]] = []
        self._own_beat = 0  # the revision of our last heartbeat
        self._beats = 0
        self._serves = False
        self._stored = 0.0  # when the last heartbeat that is stored was sent, monotonic
        self._gaps = 0  # how often none was stored for `ttl`
        self._peers: dict[str, _Peer] = {}  # never changed, but replaced by another
        self._created: dict[str, str] = {}  # of our buckets, when they were made

    async def join(self) -> None:
        """Say that this worker is coming, and learn of the others. Waits for the end of a former one of its name."""
        self._thread_loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_thread, name="heartbeat", daemon=True)
        self._thread.start()
        self._turn()
        await self._in_thread(self._join())

    async def serve(self) -> None:
        """Say that this worker takes shards from now on."""
        await self._in_thread(self._say_serving())

    async def others_come(self, expected: int) -> None:
        """Wait until so many workers are known, this one included; a heartbeat's time at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.interval):
                while len(self.alive()) + len(self.coming()) < expected:
                    self._heard.clear()
                    await self._heard.wait()

    async def leave(self) -> None:
        """Say goodbye, so that others need not wait for this worker to be dead, and end the thread."""
        if self._thread is not None:
            with contextlib.suppress(BusError, TimeoutError):
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await self._in_thread(self._leave())
        self.end()

    def end(self) -> None:
        """End the thread without a goodbye."""
        if self._turning is not None:
            self._turning.cancel()
        if self._thread is not None:
            self._thread_loop.call_soon_threadsafe(self._thread_loop.stop)
            self._thread = None

    async def failed(self) -> None:
        """Return never, or raise what has ended the heartbeats."""
        await asyncio.shield(self._failed)

    @property
    def standing(self) -> bool:
        """Whether nobody can have taken this worker for dead since it was last known to hold its leases."""
        return time.monotonic() - self._stored < self.ttl and self._claimed == self._gaps

    @property
    def gap(self) -> int | None:
        """The last time that heartbeats had stopped for so long, None where what was held then is `claimed` again."""
        return None if self._claimed == self._gaps else self._gaps

    def claimed(self, gap: int) -> None:
        """What was held before this gap has been found to be held still, or given up."""
        self._claimed = gap

    def alive(self) -> list[str]:
        """The workers that live and take shards, this one included."""
        now = time.monotonic()
        others = [name for name, peer in self._peers.items() if peer.serves and peer.lives(now, self.ttl)]
        return sorted([self.name, *others])

    def lives(self, name: str) -> bool:
        """Whether another worker is `alive`."""
        peer = self._peers.get(name)
        return peer is not None and peer.serves and peer.lives(time.monotonic(), self.ttl)

    def coming(self) -> list[str]:
        """Other workers that live and will take shards soon."""
        now = time.monotonic()
        return sorted(
            name
            for name, peer in self._peers.items()
            if not peer.serves and peer.lives(now, self.ttl) and now - peer.since < _COMING * self.ttl
        )

    async def _in_thread(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._thread_loop))

    def _turn(self) -> None:
        if self._near.connected:
            self._turned = time.monotonic()
        self._turning = self._loop.call_later(_TURN, self._turn)

    def _tell(self, call: Callable[[], None]) -> None:
        """Have the event loop call something; it may have ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def _has_changed(self) -> None:
        self._heard.set()
        self.changed()

    # What follows runs in the thread.

    def _run_thread(self) -> None:
        loop = self._thread_loop
        loop.run_forever()
        loop.run_until_complete(_cancel_others())
        loop.close()

    async def _join(self) -> None:
        self._bus = await self._near.another(f"{self.name}-heartbeat")
        self._bucket = await self._bus.bucket(self.buckets.workers, replicas=self._replicas)
        await self._look(self.buckets.workers)
        await self._wait_for_namesake()
        await self._beat()
        for entry in await self._bucket.entries():
            self._read(entry)
        for work in (self._watch(), self._keep_beating(), self._keep_burying(), self._keep_looking()):
            task = asyncio.create_task(work)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def _say_serving(self) -> None:
        self._serves = True
        await self._beat()

    async def _leave(self) -> None:
        await self._silence()
        if self._stored:
            await self._say_goodbye()
        if self._bus is not None:
            await self._bus.close()

    async def _say_goodbye(self) -> None:
        """Delete our heartbeat, and not that of one that has taken over under this name."""
        key = escape(self.name)
        try:
            await self._bucket.delete(key, self._own_beat)
        except WrongSequence:
            entry = await self._bucket.get(key)
            if entry is not None and _heartbeat(entry.value).get("boot") == self.boot:
                await self._bucket.delete(key, entry.revision)

    async def _silence(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._tell(lambda: None if self._failed.done() else self._failed.set_exception(error))

    async def _wait_for_namesake(self) -> None:
        """Wait until no other process sends heartbeats under this name."""
        key = escape(self.name)
        entry = await self._bucket.get(key)
        if entry is None:
            return
        self._own_beat = entry.revision
        if _is_gone(entry.value):
            return
        since = time.monotonic()
        while time.monotonic() - since < self.ttl:
            await asyncio.sleep(self.interval / 4)
            entry = await self._bucket.get(key)
            if entry is None:
                self._own_beat = 0
                return
            if entry.revision != self._own_beat:
                self._own_beat, since = entry.revision, time.monotonic()
                self._log.limited("namesake").warn(
                    "another worker of this name lives, waiting for its end", name=self.name
                )

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            if time.monotonic() - self._turned > HUNG_SECONDS:
                await asyncio.sleep(2 * _TURN)  # after the whole process has stood still the loop has to turn first
            still = round(time.monotonic() - self._turned)
            if still > HUNG_SECONDS:
                self._log.limited("hung").error(
                    "the event loop or its connection hangs: no more heartbeats", seconds=still
                )
                continue
            try:
                await self._beat()
            except BusError as e:
                self._log.limited("beat").warn("the heartbeat cannot be stored", err=e)

    async def _beat(self) -> None:
        self._beats += 1
        sent = time.monotonic()
        body = {"worker": self.name, "beat": self._beats, "boot": self.boot, "serves": self._serves, **_here()}
        await self._store_beat(orjson.dumps(body))
        silent = sent - self._stored
        if silent >= self.ttl / 2:
            # we may have been deaf as long as we were mute: that must not count against others
            now = time.monotonic()
            for peer in self._peers.values():
                peer.seen = max(peer.seen, min(now, peer.seen + silent))
        if self._stored and silent >= self.ttl:
            self._gaps += 1  # before the time: until its leases are claimed again this worker does not stand
        self._stored = sent
        self._tell(self._has_changed)

    async def _store_beat(self, body: bytes) -> None:
        """Store a heartbeat over the last one of this process, and over no other's."""
        key = escape(self.name)
        try:
            self._own_beat = await self._bucket.update(key, body, self._own_beat)
            return
        except WrongSequence:
            entry = await self._bucket.get(key)
        # one of ours may have been stored although we were not told so; what is gone was taken for long dead
        if entry is not None and _heartbeat(entry.value).get("boot") != self.boot:
            raise Replaced(f"another process has taken over as the worker {self.name}")
        if entry is not None:
            self._own_beat = await self._bucket.update(key, body, entry.revision)
        else:
            self._own_beat = await self._bucket.create(key, body)

    async def _watch(self) -> None:
        async for entry in self._bucket.watch():
            self._read(entry)

    def _read(self, entry: Entry) -> None:
        """Take in a heartbeat; one that cannot be read stops nobody."""
        try:
            self._saw(entry, unescape(entry.key))
        except (ValueError, KeyError, TypeError) as e:
            self._log.warn("an entry in a bucket of the workers cannot be read", key=entry.key, err=e)

    def _saw(self, entry: Entry, name: str) -> None:
        if name == self.name:
            return
        now, known = time.monotonic(), self._peers.get(name)
        if entry.deleted:
            if known is not None:
                self._peers = {n: p for n, p in self._peers.items() if n != name}
                self._tell(self._has_changed)
            return
        if known is not None and known.beat == entry.value:
            return
        heartbeat = _heartbeat(entry.value)
        serves, machine, pid = (
            bool(heartbeat.get("serves", True)),
            str(heartbeat.get("machine", "")),
            heartbeat.get("pid"),
        )
        peer = _Peer(entry.value, entry.revision, now, serves, now, machine, pid if isinstance(pid, int) else 0)
        if known is not None and _heartbeat(known.beat).get("boot") == heartbeat.get("boot"):
            peer.since = known.since
        self._peers = {**self._peers, name: peer}
        if known is None or known.serves != peer.serves or now - known.seen >= self.ttl:
            self._tell(self._has_changed)

    async def _keep_burying(self) -> None:
        """Delete the heartbeats of workers that are long dead."""
        while True:
            await asyncio.sleep(self.ttl)
            now = time.monotonic()
            for name, peer in self._peers.items():
                if now - peer.seen > _BURIED_AFTER * self.ttl:
                    with contextlib.suppress(BusError):
                        await self._bucket.delete(escape(name), peer.revision)
                    self._peers = {n: p for n, p in self._peers.items() if p is not peer}  # it may have come back

    async def _keep_looking(self) -> None:
        """Look whether our buckets are what they were. Raises SharedLost."""
        while True:
            await asyncio.sleep(self.ttl)
            for name in (self.buckets.workers, self.buckets.leases):
                with contextlib.suppress(BusUnavailable):
                    await self._look(name)

    async def _look(self, name: str) -> None:
        assert self._bus is not None
        try:
            created = (await self._bus.stream_state(f"KV_{name}")).created
        except ApiError as e:
            if e.code != _NOT_FOUND:
                return
            created = ""
        if created != self._created.get(name, created):
            raise SharedLost(f"the bucket {name} was deleted or made anew, this {self.buckets.log} begins anew too")
        if created:
            self._created[name] = created


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _here() -> dict[str, str | int]:
    """Where this process runs, for others on this machine to see whether it still does."""
    return {"machine": this_machine(), "pid": os.getpid()}


def _heartbeat(beat: bytes) -> dict[str, Any]:
    """What a heartbeat says; nothing where it cannot be read."""
    try:
        heartbeat = orjson.loads(beat)
    except ValueError:
        return {}
    return heartbeat if isinstance(heartbeat, dict) else {}


def _is_gone(beat: bytes) -> bool:
    """Whether the process that sent a heartbeat ran on this machine and runs no more."""
    heartbeat = _heartbeat(beat)
    try:
        return has_ended(str(heartbeat["machine"]), int(heartbeat["pid"]))
    except (ValueError, KeyError, TypeError):
        return False
