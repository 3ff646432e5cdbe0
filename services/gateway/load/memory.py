"""What was declared by the files of the directory: this gateway's fold over the events of the kind `load`."""

from __future__ import annotations

from types import TracebackType

from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.bus.subjects import escape
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.refusal import Refusal
from services.gateway.disk import Disk
from services.gateway.load.declarations import Declaration
from services.store.projection import Projection
from services.store.projections import declarations as fold
from services.store.projections.tasks import Record
from services.store.store import Store

_FOLD_SECONDS = 10.0


class Memory:
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store, disk: Disk) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        self._bus = bus
        self._projection: Projection[Event] = Projection(store, fold.fold, EVENTS, name="declarations")
        self._decisions = Decisions(bus, self, "load", disk)

    async def __aenter__(self) -> Memory:
        await self._projection.start(self._bus, fold.SUBJECTS, decode)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._projection.stop()

    @property
    def position(self) -> int:
        """The last event that is in the fold."""
        return self._projection.position

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this id, 0 where there never was one."""
        return self._projection.state.get(fold.LAST, id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect: all have, since each rests on the one before it."""
        return True

    async def reached(self, seq: int) -> None:
        """Wait until the event is in the fold. TimeoutError where that takes far too long."""
        await self._projection.reached(seq, _FOLD_SECONDS)

    def declared(self, kind: str) -> list[Record]:
        """All that is declared of a kind: {"kind", "name", "file"}, in the order of the names' bytes."""
        records = self._projection.state.bucket(fold.DECLARED).values()
        return sorted((r for r in records if r["kind"] == kind), key=lambda r: str.encode(r["name"]))

    async def remember(self, declaration: Declaration) -> None:
        """Keep that a file declares this. Raises Refusal."""
        record = {"kind": declaration.kind, "name": declaration.name, "file": declaration.file}
        id = f"{declaration.kind}/{declaration.name}"

        async def remember(basis: int) -> None:
            if self._projection.state.get(fold.DECLARED, id) != record:
                await self._decisions.publish(id, "declared", record, basis)

        try:
            escape(id)
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        await self._decisions.decide(id, remember)

    async def forget(self, kind: str, name: str) -> None:
        """Keep that nothing declares this any more. Raises Refusal."""
        id = f"{kind}/{name}"

        async def forget(basis: int) -> None:
            if self._projection.state.get(fold.DECLARED, id) is not None:
                await self._decisions.publish(id, "withdrawn", {}, basis)

        await self._decisions.decide(id, forget)
