"""The read model of users."""

from __future__ import annotations

from collections.abc import Callable

from services.bus.connection import Bus
from services.gateway.access.names import TOKENS
from services.gateway.readmodels.read_model import ReadModel
from services.store.folds import users as user_fold
from services.store.folds.state import Change
from services.store.folds.users import UserRecord
from services.store.store import Store


class UserReadModel(ReadModel):
    """Use as an async context manager: it is up to date when it begins, and follows the log until it ends."""

    def __init__(self, bus: Bus, store: Store) -> None:
        """store: where the read model is kept; it has to be open for as long."""
        super().__init__(bus, store, user_fold.fold, user_fold.SUBJECTS, "users", records=user_fold.RECORDS)

    def get(self, name: str) -> UserRecord | None:
        """A user's record (see services.store.folds.users), None where there is no such user."""
        return user_fold.user_of(self._state, name)

    def names(self) -> list[str]:
        """All users' names, but those of tokens, in the order of their bytes."""
        return [name for name in self._sorted() if not name.startswith(TOKENS)]

    def tokens(self) -> list[str]:
        """The names of the users that tokens are."""
        return [name for name in self._sorted() if name.startswith(TOKENS)]

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call with the name of each user who is changed or deleted, after that is in the read model."""

        def changed(changes: list[Change]) -> None:
            for change in changes:
                if change.bucket == user_fold.USERS:
                    listener(change.key)

        self._projection.on_change(changed)

    def last(self, kind: str, id: str) -> int:
        """The last sequence of the events under this name, 0 where there never was one."""
        return self._state.get(user_fold.LAST, id) or 0

    def _sorted(self) -> list[str]:
        return sorted(self._state.bucket(user_fold.USERS), key=str.encode)
