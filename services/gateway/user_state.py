"""What this gateway knows of users: its fold over EVENTS."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from services.bus.connection import Bus
from services.bus.events import Event, decode
from services.bus.streams import EVENTS
from services.gateway.access.names import TOKENS
from services.store.projection import Change, Projection
from services.store.projections import users as fold
from services.store.projections.tasks import Record
from services.store.store import Store

_FOLD_SECONDS = 10.0


class UserState:
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        self._bus = bus
        self._projection: Projection[Event] = Projection(store, fold.fold, EVENTS, name="users")

    async def __aenter__(self) -> UserState:
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

    def get(self, name: str) -> Record | None:
        """A user's record (see services.store.projections.users), None where there is no such user."""
        return fold.user_of(self._projection.state, name)

    def names(self) -> list[str]:
        """All users' names, but those of tokens, in the order of their bytes."""
        return [name for name in self._sorted() if not name.startswith(TOKENS)]

    def tokens(self) -> list[str]:
        """The names of the users that tokens are."""
        return [name for name in self._sorted() if name.startswith(TOKENS)]

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call with the name of each user who is changed or deleted, after that is in the fold."""

        def changed(changes: list[Change]) -> None:
            for change in changes:
                if change.bucket == fold.USERS:
                    listener(change.key)

        self._projection.on_change(changed)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this name, 0 where there never was one."""
        return self._projection.state.get(fold.LAST, id) or 0

    def counted(self, seq: int) -> bool:
        """Whether an event had an effect: all have, since each rests on the one before it."""
        return True

    async def reached(self, seq: int) -> None:
        """Wait until the event is in the fold. TimeoutError where that takes far too long."""
        await self._projection.reached(seq, _FOLD_SECONDS)

    def _sorted(self) -> list[str]:
        return sorted(self._projection.state.bucket(fold.USERS), key=str.encode)
