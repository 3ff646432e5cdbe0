"""What commands of every kind share: deciding on the read model, and deciding anew where somebody else was first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from grammar.golang.quoting import quote
from services.bus.connection import Bus
from services.bus.errors import BusError, WrongSequence
from services.bus.streams import WRITES
from services.bus.subjects import escape, write_subject
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.publish import publish
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.read_model import ReadModel

T = TypeVar("T")

_ATTEMPTS = 20


class Changed(Exception):
    """What the decision rested on is no longer so."""


class Decisions:
    """Decisions about the resources of one kind (`task`, `template`, `recording`, `replay`)."""

    def __init__(self, bus: Bus, state: ReadModel, kind: str, disk: NatsDisk) -> None:
        self._bus = bus
        self._disk = disk
        self._state = state
        self._kind = kind
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        # By id the last event in the read model, and the last by JetStream.
        self._seen: dict[str, tuple[int, int]] = {}

    async def decide(self, id: str, decision: Callable[[int], Awaitable[T]]) -> T:
        """What the decision gives; it is made again as long as it raises Changed. OperationError where that goes on.

        It is told how far the read model has come, for `publish`: what it then reads of the state is at least that new.
        """
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(Changed):
                return await decision(self._state.position)
        raise OperationError(503, f"{self._kind} {id} is being changed by others, try again")

    async def publish(self, id: str, what: str, data: dict[str, Any], expected_version: int) -> int:
        """Store an event and wait until the read model has it; gives its sequence.

        expected_version: the place in the log that the decision rests on (optimistic concurrency). Raises Changed where
        the resource was changed by somebody else behind it, while the decision was made too; the read model then knows
        of that change.
        """
        known = self._state.last(self._kind, id)
        in_model, by_jetstream = self._seen.get(id, (known, known))
        last = by_jetstream if in_model == known else known
        if max(known, last) > expected_version:
            raise Changed
        full = "" if what == "deleted" else self._disk.refuses_changes()
        if full:
            raise OperationError(503, f"the change cannot be stored: {full}")
        try:
            seq = await publish(self._bus, self._kind, id, what, data, last)
        except WrongSequence as error:
            await self.reached(error.last or 0)
            # Events that cannot be read do not show in the read model, but count for JetStream; and what was removed
            # from the log shows in the read model for a while, but does not count.
            self._seen[id] = self._state.last(self._kind, id), error.last or 0
            raise Changed from error
        self._seen.pop(id, None)
        await self.reached(seq)
        if not self._state.counted(seq):
            raise Changed
        return seq

    async def reached(self, seq: int) -> None:
        """Wait until the read model has the event. Raises OperationError where that takes far too long."""
        try:
            await self._state.reached(seq)
        except TimeoutError as error:
            raise OperationError(503, "the change is stored, but this gateway does not see it yet") from error

    async def position(self) -> int:
        """The last write there is. Raises OperationError."""
        try:
            return await self._bus.last_sequence(WRITES)
        except BusError as error:
            raise OperationError(503, f"the bus cannot be reached: {error}") from error

    @contextlib.asynccontextmanager
    async def alone(self, *ids: str) -> AsyncIterator[None]:
        """One command at a time on these resources, so that this gateway does not compete with itself."""
        async with contextlib.AsyncExitStack() as stack:
            for id in sorted({id for id in ids if id}):
                await stack.enter_async_context(self._locks.setdefault(id, asyncio.Lock()))
            yield

    def check_id(self, id: str) -> None:
        """Raises OperationError for what is no id."""
        if not all(c in "-._0123456789" or c.isalpha() for c in id):
            text = f"{self._kind} ID must contain only letters, numbers, '-', '.' and '_'. {quote(id)}"
            raise OperationError(400, text)
        check_in_path(f"{self._kind} ID", id)
        try:
            escape(id)
        except ValueError as error:
            raise OperationError(400, f"{self._kind} ID is too long: {error}") from error


def check_in_path(what: str, name: str) -> None:
    """Raises OperationError for a name that no path leads to."""
    if name in (".", ".."):
        raise OperationError(400, f"{what} must not be {quote(name)}: in a path it stands for another one")


def check_dbrps(dbrps: Iterable[Mapping[str, str]]) -> None:
    """Raises OperationError for databases and retention policies that no write can have."""
    for dbrp in dbrps:
        try:
            write_subject(dbrp["db"], dbrp["rp"])
        except ValueError as error:
            raise OperationError(400, f"invalid dbrp: {error}") from error
