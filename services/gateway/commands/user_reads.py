"""Showing users: one, and many."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.api.user import ListUsersSchema
from services.gateway.access.names import TOKENS
from services.gateway.answers import BASE
from services.gateway.commands.listing import Page, check_fields, load
from services.gateway.commands.refusal import Refusal
from services.gateway.user_state import UserState
from services.store.projections.tasks import Record

FIELDS = ("link", "name", "type", "permissions")


class UserReads:
    """What can be asked about users."""

    def __init__(self, state: UserState) -> None:
        self._state = state

    def show(self, record: Record, fields: Iterable[str] = FIELDS) -> dict[str, Any]:
        """A user, or these fields of it."""
        shown = {
            "link": {"rel": "self", "href": f"{BASE}/users/{record['name']}"},
            "name": record["name"],
            "type": "admin" if record["admin"] else "normal",
            "permissions": record["permissions"],
        }
        return {field: shown[field] for field in fields}

    def get(self, name: str) -> dict[str, Any]:
        """GET /users/NAME. Raises Refusal."""
        if not name:
            raise Refusal(400, "must specify username on path")
        record = None if name.startswith(TOKENS) else self._state.get(name)
        if record is None:
            raise Refusal(404, "no user exists")
        return self.show(record)

    def list(self, parameters: Any) -> dict[str, Any]:
        """GET /users: in the order of the names' bytes. Raises Refusal; an unknown field is noticed on a user."""
        given = load(ListUsersSchema(), parameters)
        chosen = Page(given).of(self._state.names())
        fields = [*given["fields_"], "name", "link"] if given["fields_"] else list(FIELDS)
        if chosen:
            check_fields(fields, FIELDS)
        records = [record for name in chosen if (record := self._state.get(name)) is not None]
        return {"users": [self.show(record, fields) for record in records]}

    def show_token(self, record: Record) -> dict[str, Any]:
        """A token of a subscription."""
        return {"name": record["name"], "databases": record["databases"]}

    def tokens(self) -> dict[str, Any]:
        """All tokens of subscriptions."""
        records = [record for name in self._state.tokens() if (record := self._state.get(name)) is not None]
        return {"tokens": [self.show_token(record) for record in records]}
