"""Showing users: one, and many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.api.user import ListUsersSchema
from services.gateway.access.names import TOKENS
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.paths import BASE
from services.gateway.operations.streamed_list import StreamedList, streamed_list
from services.gateway.queries.listing import Page, check_fields, load
from services.gateway.readmodels.users import UserReadModel
from services.store.folds.users import UserRecord

FIELDS = ("link", "name", "type", "permissions")


class UserQueries:
    """What can be asked about users."""

    def __init__(self, state: UserReadModel) -> None:
        self._state = state

    def show(self, record: UserRecord, fields: Iterable[str] = FIELDS) -> dict[str, Any]:
        """A user, or these fields of it."""
        view = {
            "link": {"rel": "self", "href": f"{BASE}/users/{record.name}"},
            "name": record.name,
            "type": "admin" if record.admin else "normal",
            "permissions": record.permissions,
        }
        return {field: view[field] for field in fields}

    def get(self, name: str) -> dict[str, Any]:
        """GET /users/NAME. Raises OperationError."""
        if not name:
            raise OperationError(400, "must specify username on path")
        record = None if name.startswith(TOKENS) else self._state.get(name)
        if record is None:
            raise OperationError(404, "no user exists")
        return self.show(record)

    def list(self, parameters: Any) -> StreamedList:
        """GET /users: in the order of the names' bytes.

        Raises OperationError; an unknown field is noticed on a user.
        """
        given = load(ListUsersSchema(), parameters)
        chosen = Page(given).of(self._state.names())
        fields = [*given["fields_"], "name", "link"] if given["fields_"] else list(FIELDS)
        if chosen:
            check_fields(fields, FIELDS)
        records = [record for name in chosen if (record := self._state.get(name)) is not None]
        return streamed_list("users", records, lambda record: self.show(record, fields))

    def show_token(self, record: UserRecord) -> dict[str, Any]:
        """A token of a subscription."""
        return {"name": record.name, "databases": record.databases}

    def tokens(self) -> StreamedList:
        """All tokens of subscriptions."""
        records = [record for name in self._state.tokens() if (record := self._state.get(name)) is not None]
        return streamed_list("tokens", records, self.show_token)
