"""Commands about the server itself: log level, sideload, stores. HTTP and the bus both come here."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError

from grammar.golang.quoting import quote
from schemas.api.operations import ACTIONS, LEVELS, STORES, LogLevelSchema, StorageActionSchema
from schemas.requests.process import PROCESS_LEVEL
from services.gateway.clients.engine import EngineClient
from services.gateway.clients.processes import Processes
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.operations.paths import BASE

_STORES = f"{BASE}/storage/stores"


class ServerCommands:
    """What can be told the server."""

    def __init__(self, processes: Processes, engine: EngineClient) -> None:
        self._processes = processes
        self._engine = engine

    async def set_level(self, body: Any) -> None:
        """Have all processes log from a level up. Raises OperationError."""
        try:
            level: str = LogLevelSchema().load(body)["level"].upper()
        except ValidationError as error:
            raise invalid_json() from error
        if level not in LEVELS:
            raise OperationError(400, "invalid log level")
        await self._processes.request_all(PROCESS_LEVEL, {"level": level})

    async def reload_sideload(self) -> None:
        """Have all workers read anew what sideload nodes look up. Raises OperationError for what cannot be read."""
        await self._processes.look("engine")
        await self._engine.reload(self._processes.count("engine"))

    async def share(self) -> None:
        """Have all workers bring the states of their tasks to the bus."""
        await self._processes.look("engine")
        await self._engine.share(self._processes.count("engine"))

    def stores(self) -> dict[str, Any]:
        """What stores there are."""
        storage = [{"link": {"rel": "self", "href": f"{_STORES}/{name}"}, "name": name} for name in STORES]
        return {"link": {"rel": "self", "href": _STORES}, "storage": storage}

    def change_store(self, name: str, body: Any) -> None:
        """Rebuild a store's indexes: there are none beside the read models, so that is done at once.

        Raises OperationError.
        """
        if name not in STORES:
            raise OperationError(404, f"unknown storage {quote(name)}")
        try:
            action = StorageActionSchema().load(body)["action"]
        except ValidationError as error:
            raise invalid_json() from error
        if action not in ACTIONS:
            raise OperationError(400, f"unknown storage action {quote(action)}")
