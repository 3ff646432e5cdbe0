"""Several alertings on one bus: each folds all of ALERTS and answers every question, and each topic has its handlers
run by one of them.

Which one holds which shard of topics is a matter of leases, as with workers and their tasks. All have the queues of
all handlers, with what waits in them; those of others get on by what is announced of them (see shared_progress.py), so
that they can be run here a moment after their holder has gone. A holder that may have been taken for dead begins
nothing, and one that hands a shard over first lets what is being sent come to its end; while that takes long it keeps
the shard.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from dataclasses import dataclass

from services.alerting.delivery.dispatch import Dispatcher
from services.alerting.delivery.queue import Cursor, DeliveryQueue
from services.alerting.delivery.shards import SHARDS
from services.alerting.delivery.shared_progress import NOTHING, Behind, SharedProgress
from services.alerting.folded_log import FoldedLog
from services.bus.broadcast import Subscription
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.leases.leases import Leases
from services.bus.leases.membership import Buckets, Membership
from services.process import log as logs
from services.store.store import Store

_log = logs.get("alerting")

_BUCKETS = Buckets("alertings", "alerting-leases", "alerting")
_SELF, _NAME = "self", "name"  # bucket and key under which a store keeps what its alerting is called
_LONG_SECONDS = 1.0  # what is being sent for longer is not waited for before a shard is handed over
_LEAVE_SECONDS = 0.6  # for telling and handing over at the end
_TELLINGS = 3  # the first may find that the bus knows more than was thought
_BUS_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Participation:
    """How an alerting takes part. name: no other has it; "": one of its own, kept in its store.

    ttl, heartbeat: seconds without a sign of life after which it counts as dead, and from one to the next.
    """

    name: str = ""
    ttl: float = 5.0
    heartbeat: float = 1.0


class Sharing:
    """This alerting's part. It is what the dispatcher asks and tells of its queues
    (services.alerting.delivery.protocols.Shares)."""

    def __init__(
        self,
        bus: Bus,
        name: str,
        membership: Participation,
        replicas: int,
        progress: SharedProgress,
        log: FoldedLog,
    ) -> None:
        self._progress, self._log = progress, log
        self._open: set[int] = set()  # of the shards that are ours those whose queues may be run
        self._fresh: dict[str, Cursor] = {}
        self._listening: Subscription | None = None
        self._dispatcher: Dispatcher
        self._members = Membership(bus, name, membership.ttl, membership.heartbeat, replicas, _BUCKETS)
        self._leases = Leases(bus, self._members, SHARDS, self._gain, self._release, self._lost, replicas)

    @property
    def shards(self) -> int:
        """How many are ours."""
        return len(self._open & self._leases.owned)

    def has(self, shard: int) -> bool:
        return shard in self._open and shard in self._leases.owned

    def elsewhere(self, shard: int) -> bool:
        return self._leases.elsewhere(shard)

    async def sure(self) -> None:
        await self._leases.stands()

    def put(self, queue: DeliveryQueue) -> None:
        self._progress.touched.add(queue.shard)

    def done(self, queue: DeliveryQueue, cursor: Cursor) -> None:
        """Announced, together with all others of this turn of the event loop, before the next turn."""
        self._progress.touched.add(queue.shard)
        if not self._fresh:
            asyncio.get_running_loop().call_soon(self._say)
        self._fresh[queue.of.key] = cursor

    async def run(self, dispatcher: Dispatcher, begun: asyncio.Event) -> None:
        """Take part for ever. begun: is set once what can be had at once is. Raises Replaced."""
        self._dispatcher = dispatcher
        self._listening = self._progress.listen(dispatcher.learned)
        parts = [self._progress.follow(self._learned), self._progress.keep_announcing(self._behind), self._hold(begun)]
        tasks = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def leave(self) -> None:
        """Tell how far all is, and hand everything over."""
        if self._listening is not None:
            self._listening.stop()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._leases.stop()
                await self._members.leave()
        except TimeoutError:
            _log.warn("topics could not be handed over in time, others wait until this alerting counts as dead")
        finally:
            self._members.end()

    async def _hold(self, begun: asyncio.Event) -> None:
        await self._members.join()
        await self._leases.start()
        begun.set()
        await self._leases.failed()

    async def _gain(self, shards: set[int]) -> None:
        """What the former holder has made of its queues is folded before it is gone on with."""
        while True:
            try:
                await self._progress.learn(shards)
                for shard in shards:
                    self._learned(shard)
                await self._log.caught_up()
                break
            except BusError as error:
                _log.limited("gain").warn("topics cannot be taken over yet", err=error)
                await asyncio.sleep(_BUS_PAUSE)
        self._open |= shards & self._leases.owned
        self._dispatcher.resume()

    async def _release(self, shards: set[int]) -> set[int]:
        """Come to an end with shards; gives those in which nothing is being sent any more. Raises BusError."""
        stopping = self._dispatcher.stopping
        going = shards if stopping else shards - self._dispatcher.occupied(_LONG_SECONDS)
        kept = going
        self._open -= going
        try:
            busy = await self._dispatcher.vacate(going, 0.0 if stopping else _LONG_SECONDS)
            for _ in range(_TELLINGS):
                await self._progress.announce(lambda: self._behind_in((going - busy) & self._progress.touched))
            kept = busy | (going & self._progress.touched)
        finally:
            self._open |= kept
            self._dispatcher.resume()
        return going - kept

    def _lost(self, shards: set[int]) -> None:
        self._open -= shards
        self._dispatcher.halt(shards)

    def _learned(self, shard: int) -> None:
        """Another has told something of a shard."""
        if self.has(shard):
            self._progress.touched.add(shard)
        else:
            for queue in [queue for queue in self._dispatcher.queues.values() if queue.shard == shard]:
                if (cursor := self._progress.cursor(queue.of.key)) != NOTHING:
                    self._dispatcher.learned(queue.of.key, cursor)

    def _behind(self) -> tuple[int, dict[int, Behind]]:
        return self._behind_in({shard for shard in self._progress.touched if self.has(shard) and self._leases.standing})

    def _behind_in(self, shards: set[int]) -> tuple[int, dict[int, Behind]]:
        behind: dict[int, Behind] = {shard: {} for shard in shards}
        for key, queue in self._dispatcher.queues.items() if shards else ():
            if queue.shard in shards and queue.next is not None:
                behind[queue.shard][key] = queue.next
        return self._log.position, behind

    def _say(self) -> None:
        fresh, self._fresh = self._fresh, {}
        if self._leases.others():
            with contextlib.suppress(BusError):  # then it is told by way of the bucket
                self._progress.broadcast(fresh)


def own_name(store: Store) -> str:
    """What the alerting of a store is called, from its first start on: no other is called so."""
    kept = store.get(_SELF, _NAME)
    if kept is not None:
        return kept.decode()
    name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    with store.write() as tx:
        tx.put(_SELF, _NAME, name.encode())
    return name
