"""What was declared by the files of the directory: a read model of the events of the kind `load`."""

from __future__ import annotations

from services.bus.connection import Bus
from services.bus.subjects import escape
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions
from services.gateway.load.declarations import DeclaredResource
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds import declarations as declaration_fold
from services.store.folds.event_data import Plain
from services.store.store import Store


class LoadReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store, disk: NatsDisk) -> None:
        """store: where the read model is kept; it has to be open for as long."""
        super().__init__(bus, store, declaration_fold.fold, declaration_fold.SUBJECTS, "declarations")
        self._decisions = Decisions(bus, self, "load", disk)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this id, 0 where there never was one."""
        return self._state.get(declaration_fold.LAST, id) or 0

    def declared(self, kind: str) -> list[Plain]:
        """All that is declared of a kind: {"kind", "name", "file"}, in the order of the names' bytes."""
        records = self._state.bucket(declaration_fold.DECLARED).values()
        return sorted((r for r in records if r["kind"] == kind), key=lambda r: str.encode(r["name"]))

    async def remember(self, declaration: DeclaredResource) -> None:
        """Keep that a file declares this. Raises OperationError."""
        record = {"kind": declaration.kind, "name": declaration.name, "file": declaration.file}
        id = f"{declaration.kind}/{declaration.name}"

        async def remember(expected_version: int) -> None:
            if self._state.get(declaration_fold.DECLARED, id) != record:
                await self._decisions.publish(id, "declared", record, expected_version)

        try:
            escape(id)
        except ValueError as error:
            raise OperationError(400, str(error)) from error
        await self._decisions.decide(id, remember)

    async def forget(self, kind: str, name: str) -> None:
        """Keep that nothing declares this any more. Raises OperationError."""
        id = f"{kind}/{name}"

        async def forget(expected_version: int) -> None:
            if self._state.get(declaration_fold.DECLARED, id) is not None:
                await self._decisions.publish(id, "withdrawn", {}, expected_version)

        await self._decisions.decide(id, forget)
