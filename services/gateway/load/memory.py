"""What was declared by the files of the directory: this gateway's fold over the events of the kind `load`."""

from __future__ import annotations

from services.bus.connection import Bus
from services.bus.subjects import escape
from services.gateway.commands.decisions import Decisions
from services.gateway.commands.refusal import Refusal
from services.gateway.disk import Disk
from services.gateway.fold_state import FoldState
from services.gateway.load.declarations import Declaration
from services.store.projections import declarations as fold
from services.store.projections.tasks import Record
from services.store.store import Store


class Memory(FoldState):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store, disk: Disk) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        super().__init__(bus, store, fold.fold, fold.SUBJECTS, "declarations")
        self._decisions = Decisions(bus, self, "load", disk)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this id, 0 where there never was one."""
        return self._state.get(fold.LAST, id) or 0

    def declared(self, kind: str) -> list[Record]:
        """All that is declared of a kind: {"kind", "name", "file"}, in the order of the names' bytes."""
        records = self._state.bucket(fold.DECLARED).values()
        return sorted((r for r in records if r["kind"] == kind), key=lambda r: str.encode(r["name"]))

    async def remember(self, declaration: Declaration) -> None:
        """Keep that a file declares this. Raises Refusal."""
        record = {"kind": declaration.kind, "name": declaration.name, "file": declaration.file}
        id = f"{declaration.kind}/{declaration.name}"

        async def remember(basis: int) -> None:
            if self._state.get(fold.DECLARED, id) != record:
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
            if self._state.get(fold.DECLARED, id) is not None:
                await self._decisions.publish(id, "withdrawn", {}, basis)

        await self._decisions.decide(id, forget)
