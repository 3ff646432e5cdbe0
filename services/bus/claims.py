"""Who works on what: of all processes that could, one claims it, and has it for as long as it says so.

A bucket for claims has a ttl of TTL_SECONDS, so that what a dead process claimed is free again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

from services import log as logs
from services.bus.errors import BusError, WrongSequence
from services.bus.kv import Bucket

_log = logs.get("bus")

TTL_SECONDS = 4.0
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

    async def release(self) -> None:
        """Give it up, so that another need not wait."""
        if self.lost.is_set():
            return
        with contextlib.suppress(BusError):  # then it expires by itself
            await self._bucket.delete(self._key, self._revision)
