"""What this gateway knows of users: its fold over EVENTS."""

from __future__ import annotations

from collections.abc import Callable

from services.bus.connection import Bus
from services.gateway.access.names import TOKENS
from services.gateway.fold_state import FoldState
from services.store.projection import Change
from services.store.projections import users as fold
from services.store.projections.tasks import Record
from services.store.store import Store


class UserState(FoldState):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the fold is kept; it has to be open for as long."""
        super().__init__(bus, store, fold.fold, fold.SUBJECTS, "users")

    def get(self, name: str) -> Record | None:
        """A user's record (see services.store.projections.users), None where there is no such user."""
        return fold.user_of(self._state, name)

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
        return self._state.get(fold.LAST, id) or 0

    def _sorted(self) -> list[str]:
        return sorted(self._state.bucket(fold.USERS), key=str.encode)
