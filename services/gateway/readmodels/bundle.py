"""The read models of a gateway, opened and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType

from services.bus.connection import Bus
from services.gateway.readmodels.config import ConfigReadModel
from services.gateway.readmodels.handlers import HandlerReadModel
from services.gateway.readmodels.oncall import OnCallReadModel
from services.gateway.readmodels.read_model import ReadModel
from services.gateway.readmodels.recordings import RecordingReadModel
from services.gateway.readmodels.silences import SilenceReadModel
from services.gateway.readmodels.tasks import TaskReadModel
from services.gateway.readmodels.users import UserReadModel
from services.store.live_config import LiveConfig
from services.store.store import Store


class ReadModels:
    """Use as an async context manager: they are up to date when it begins, and follow the log until it ends."""

    def __init__(self, bus: Bus, store: Store, effective: LiveConfig) -> None:
        """store: where they are kept; it has to be open for as long.

        effective: the configuration, which is to follow the log.
        """
        self.tasks = TaskReadModel(bus, store)
        self.recordings = RecordingReadModel(bus, store)
        self.users = UserReadModel(bus, store)
        self.handlers = HandlerReadModel(bus, store)
        self.silences = SilenceReadModel(bus, store)
        self.oncall = OnCallReadModel(bus, store)
        self.config = ConfigReadModel(bus, store, effective)
        self._by_kind: Mapping[str, Sequence[ReadModel]] = {
            "task": [self.tasks],
            "template": [self.tasks],
            "recording": [self.recordings, self.tasks],
            "replay": [self.recordings, self.tasks],
            "trace": [self.recordings, self.tasks],
            "backtest": [self.recordings, self.tasks],
            "handler": [self.handlers],
            "silence": [self.silences],
            "mute": [self.oncall],
            "user": [self.users],
        }
        self._all: tuple[ReadModel, ...] = (
            self.tasks,
            self.recordings,
            self.users,
            self.handlers,
            self.silences,
            self.oncall,
            self.config,
        )
        self._open = AsyncExitStack()

    def of(self, kind: str) -> Sequence[ReadModel]:
        """Those that operations of a kind find their resources in."""
        return self._by_kind.get(kind, ())

    async def reached(self, kind: str, seq: int) -> None:
        """Wait until an event about a resource of this kind is known. TimeoutError where it takes far too long."""
        for model in [self.config] if kind == "config" else self.of(kind)[:1]:
            await model.reached(seq)

    async def caught_up(self) -> str:
        """Wait until all that is in the log now is in all of them; nothing is then to be complained of.

        Raises BusError.
        """
        await asyncio.gather(*(model.caught_up() for model in self._all))
        return ""

    async def __aenter__(self) -> ReadModels:
        async with AsyncExitStack() as opening:
            for model in self._all:
                await opening.enter_async_context(model)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()
