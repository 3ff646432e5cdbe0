"""How far the queues are, as alertings tell each other, so that who takes topics over sends nothing twice.

In a bucket each shard of topics has a key, PROGRESS.N, which the alerting writes that holds the shard: up to where in
ALERTS everything of its queues was done, and which queues were behind that. It is written a few times a second, where
something has come or was done, over what is known there and nothing else, and every alerting follows it. Beside that
each tells all others at once what is done, before the queue goes on; nobody keeps that, and nobody waits for it.

What is announced is true for ever, whenever it is heard.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import orjson

from schemas.requests.alerting import DONE
from services.alerting.delivery.queue import Cursor
from services.alerting.delivery.shards import shard_of_key
from services.bus.broadcast import Subscription
from services.bus.buckets.kv import Bucket, Entry
from services.bus.connection import Bus
from services.bus.errors import BusError, WrongSequence
from services.bus.streams import ALERTS, StreamState
from services.process import log as logs

_log = logs.get("alerting")

_BUCKET = "tickbus-alerting"
_PREFIX = "progress."
_ANNOUNCE_SECONDS = 0.1
_ANNOUNCE_SHARE = 4  # times as long as announcing takes is what comes between, but no longer than this:
_MOST_ANNOUNCE_SECONDS = 1.0
_FAILED_PAUSE = 1.0

NOTHING: Cursor = (0, 0)

Behind = dict[str, Cursor]
"""Queues that are behind, by their keys, each with its next event."""

WhatIsBehind = Callable[[], tuple[int, Mapping[int, Behind]]]
"""Gives a position in ALERTS, and by shard the queues that are behind there."""


@dataclass(slots=True)
class _Announcement:
    """What the bucket says of a shard, in this revision. of: who says it. position 0: nothing."""

    revision: int = 0
    of: str = ""
    position: int = 0
    behind: Behind = field(default_factory=dict)


class SharedProgress:
    """How far the queues are, as far as is known, and what is announced of it."""

    def __init__(self, bus: Bus, bucket: Bucket, log_id: str, name: str) -> None:
        self._bus, self._bucket, self._log_id, self._name = bus, bucket, log_id, name
        self._announced: dict[int, _Announcement] = {}
        self._last_seq = 0  # of ALERTS, as far as is known
        self.touched: set[int] = set()  # shards of which there is more to announce
        self._announcing = asyncio.Lock()

    @classmethod
    async def open(cls, bus: Bus, name: str, replicas: int) -> tuple[SharedProgress, StreamState]:
        """What the bus knows, and the state of ALERTS that this rests on. name: this alerting's. Raises BusError."""
        bucket = await bus.bucket(_BUCKET, replicas=replicas)
        entries = await bucket.entries()
        state = await bus.stream_state(ALERTS)
        progress = cls(bus, bucket, state.created, name)
        progress._last_seq = state.last_seq
        for entry in entries:
            progress._learn(entry)
        return progress, state

    def cursor(self, key: str) -> Cursor:
        """Up to where a queue is done at least."""
        announced = self._announced.get(shard_of_key(key))
        if announced is None or not announced.position:
            return NOTHING
        return announced.behind.get(key, (announced.position + 1, 0))

    async def learn(self, shards: Iterable[int]) -> None:
        """Have what was announced last of some shards. Raises BusError."""
        entries = await asyncio.gather(*(self._bucket.get(f"{_PREFIX}{shard}") for shard in shards))
        self._last_seq = await self._bus.last_sequence(ALERTS)
        for entry in entries:
            if entry is not None:
                self._learn(entry)

    async def follow(self, learned: Callable[[int], None]) -> None:
        """Learn for ever what others put into the bucket. learned(shard): that is another now."""
        async for entry in self._bucket.watch():
            announced = self._read(entry)
            while announced is not None and announced.position > self._last_seq:
                try:
                    self._last_seq = await self._bus.last_sequence(ALERTS)
                    break
                except BusError:
                    await asyncio.sleep(_FAILED_PAUSE)
            shard = self._learn(entry)
            if shard is not None:
                learned(shard)

    async def keep_announcing(self, behind: WhatIsBehind) -> None:
        """Have the bus know, for ever. behind(): what `announce` takes."""
        pause = _ANNOUNCE_SECONDS
        while True:
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                await self.announce(behind)
                took = time.monotonic() - began
                pause = min(max(_ANNOUNCE_SECONDS, _ANNOUNCE_SHARE * took), _MOST_ANNOUNCE_SECONDS)
            except BusError as error:
                _log.limited("tell").warn("progress cannot be put on the bus yet", err=error)
                pause = _FAILED_PAUSE

    async def announce(self, behind: WhatIsBehind) -> None:
        """Put into the bucket what lies behind, as far as it is news, once nothing else is being put there: then
        `touched` tells what the bucket does not know. Raises BusError."""
        async with self._announcing:
            await self._announce(*behind())

    async def _announce(self, position: int, behind: Mapping[int, Behind]) -> None:
        news = [shard for shard in behind if shard in self.touched]
        self.touched.difference_update(news)  # before anything else can run: what is done from now on is news again
        try:
            results = await asyncio.gather(*(self._put(s, position, behind[s]) for s in news), return_exceptions=True)
        except asyncio.CancelledError:
            self.touched.update(news)
            raise
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def broadcast(self, done: Mapping[str, Cursor]) -> None:
        """Tell those that listen of queues in which every event before a cursor is done. Raises BusError."""
        self._bus.broadcast(DONE, orjson.dumps({"log": self._log_id, "of": self._name, "done": done}), now=True)

    def listen(self, learned: Callable[[str, Cursor], None]) -> Subscription:
        """Call with what others say so: the key of a queue and the cursor."""

        def heard(data: bytes) -> None:
            try:
                body = orjson.loads(data)
                if body["log"] == self._log_id and body["of"] != self._name:
                    for key, (seq, number) in body["done"].items():
                        shard_of_key(key)
                        learned(key, (int(seq), int(number)))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                _log.limited("heard").warn("what another alerting says cannot be read", err=error)

        return self._bus.listen(DONE, heard)

    async def _put(self, shard: int, position: int, behind: Behind) -> None:
        announced = self._announced.get(shard) or _Announcement()
        if position < announced.position:
            self.touched.add(shard)
            return
        body = orjson.dumps({"log": self._log_id, "of": self._name, "position": position, "behind": behind})
        try:
            revision = await self._bucket.update(f"{_PREFIX}{shard}", body, announced.revision)
        except WrongSequence:
            # another holds the shard by now, or one of ours was stored although we were not told so
            self.touched.add(shard)
            await self.learn([shard])
        except BaseException:
            self.touched.add(shard)
            raise
        else:
            self._announced[shard] = _Announcement(revision, self._name, position, behind)

    def _learn(self, entry: Entry) -> int | None:
        """Take in an entry of the bucket; gives its shard where another has written it."""
        announced = self._read(entry)
        if announced is None:
            return None
        shard = int(entry.key.removeprefix(_PREFIX))
        if announced.position > self._last_seq:
            _log.limited("progress").warn(
                "progress on the bus is ahead of the log and is not used", shard=shard, position=announced.position
            )
            announced = _Announcement(announced.revision)
        self._announced[shard] = announced
        return shard if announced.of != self._name else None

    def _read(self, entry: Entry) -> _Announcement | None:
        """What an entry of the bucket says, None where that is known already or it is none of ours."""
        announced = _Announcement(entry.revision)
        try:
            known = self._announced.get(int(entry.key.removeprefix(_PREFIX)))
            if known is not None and known.revision >= entry.revision:
                return None
        except ValueError:
            return None
        try:
            body = {} if entry.deleted else orjson.loads(entry.value)
            if body.get("log") == self._log_id:
                behind = {str(key): (int(seq), int(number)) for key, (seq, number) in body["behind"].items()}
                announced.of, announced.position, announced.behind = str(body["of"]), int(body["position"]), behind
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _log.limited("progress").warn(
                "progress on the bus cannot be read and is not used", key=entry.key, err=error
            )
        return announced
