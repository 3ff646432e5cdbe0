"""What this gateway knows: its folds over EVENTS, together."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType

from services.bus.connection import Bus
from services.gateway.config_state import ConfigState
from services.gateway.handler_state import HandlerState
from services.gateway.recorder_state import RecorderState
from services.gateway.state import TaskState
from services.gateway.user_state import UserState
from services.store.effective import Effective
from services.store.store import Store


class Folds:
    """Use as an async context manager: they are up to date when it begins, and follow the log until it ends."""

    def __init__(self, bus: Bus, store: Store, effective: Effective) -> None:
        """store: where they are kept; it has to be open for as long.

        effective: the configuration, which is to follow the log.
        """
        self.tasks = TaskState(bus, store)
        self.recorder = RecorderState(bus, store)
        self.users = UserState(bus, store)
        self.handlers = HandlerState(bus, store)
        self.config = ConfigState(bus, store, effective)
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Folds:
        async with AsyncExitStack() as opening:
            for fold in (self.tasks, self.recorder, self.users, self.handlers, self.config):
                await opening.enter_async_context(fold)
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()
