"""The lease of one thing: of all processes that could work on it one takes it, and has it for as long as it says so.

Shards, of which there are many at once and which are to be spread, are held by services.bus.leases.leases. A bucket
for claims has a ttl of TTL_SECONDS, so that what a dead process claimed is free again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from services.bus.account.kept import CLAIM_SECONDS
from services.bus.buckets.kv import Bucket
from services.bus.errors import BusError, WrongSequence
from services.bus.leases.status import LeaseStatus
from services.process import log as logs

_log = logs.get("bus")

TTL_SECONDS = CLAIM_SECONDS
_BEAT_SECONDS = 1.0
_MARGIN_SECONDS = 1.0  # so long before others may think so a claim counts as lost here


class Claim:
    """The right to work on one thing. `held` is false as soon as another may have it."""

    def __init__(self, bucket: Bucket, key: str, owner: str, revision: int, until: float) -> None:
        self._bucket, self._key, self._owner = bucket, key, owner
        self._revision, self._until = revision, until
        self.lost = asyncio.Event()

    @classmethod
    async def take(cls, bucket: Bucket, key: str, owner: str) -> Claim | None:
        """Claim what the key stands for, None where another has it. Raises BusError.

        owner: no two that live at the same time have the same. What an earlier one of that name left is taken over.
        """
        until = time.monotonic() + TTL_SECONDS - _MARGIN_SECONDS
        try:
            revision = await bucket.create(key, owner.encode())
        except WrongSequence:
            entry = await bucket.get(key)
            if entry is None or entry.value != owner.encode():
                return None
            try:
                revision = await bucket.update(key, owner.encode(), entry.revision)
            except WrongSequence:
                return None
        return cls(bucket, key, owner, revision, until)

    @property
    def held(self) -> bool:
        """Whether nobody else can have it yet."""
        return not self.lost.is_set() and time.monotonic() < self._until

    @property
    def status(self) -> LeaseStatus:
        """UNCERTAIN where it could not be renewed in time, and nobody is known to have taken it."""
        if self.lost.is_set():
            return LeaseStatus.LOST
        return LeaseStatus.HELD if self.held else LeaseStatus.UNCERTAIN

    async def keep(self) -> None:
        """Hold it until it is lost."""
        while not self.lost.is_set():
            await asyncio.sleep(_BEAT_SECONDS)
            until = time.monotonic() + TTL_SECONDS - _MARGIN_SECONDS
            try:
                self._revision = await self._bucket.update(self._key, self._owner.encode(), self._revision)
                self._until = until
            except WrongSequence:
                self.lost.set()
            except BusError as error:
                _log.limited("claim").warn("a claim cannot be renewed", claim=self._key, err=error)
                if not self.held:
                    self.lost.set()

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[asyncio.Task[None]]:
        """Hold it meanwhile, and give it up at the end. Gives what ends once it is lost."""
        keeping = asyncio.create_task(self.keep())
        try:
            yield keeping
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await self.release()

    async def work(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it while the claim is held, and give that up at the end; once it is lost the work is cancelled.

        Raises what the work raises.
        """
        async with self.kept() as keeping:
            working = asyncio.create_task(work)
            try:
                await asyncio.wait([working, keeping], return_when=asyncio.FIRST_COMPLETED)
                for ended in (working, keeping):
                    if ended.done():
                        ended.result()
            finally:
                working.cancel()
                await asyncio.gather(working, return_exceptions=True)

    async def release(self) -> None:
        """Give it up, so that another need not wait."""
        if self.lost.is_set():
            return
        with contextlib.suppress(BusError):  # then it expires by itself
            await self._bucket.delete(self._key, self._revision)
