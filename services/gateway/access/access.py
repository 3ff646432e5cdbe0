"""Letting requests in: whose credentials they bring along, and whether that user may make them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from grammar.golang.quoting import quote
from services.gateway.access.credentials import Bearer, Password, RequestCredentials, credentials_of
from services.gateway.access.login_throttle import LoginThrottle
from services.gateway.access.names import TOKENS, is_name, token_user
from services.gateway.access.passwords import Passwords
from services.gateway.access.privileges import Denied, User, privileges_of
from services.process import log as logs
from services.store.folds.users import UserRecord

_log = logs.get("http")


class Users(Protocol):
    """Where the users are looked up."""

    def get(self, name: str) -> UserRecord | None:
        """A user's record, None where there is no such user."""


class Access:
    """Decides on every request, where authentication is on."""

    def __init__(self, users: Users, passwords: Passwords, shared_secret: str) -> None:
        # Not above: without authentication a gateway starts without the library behind it.
        from services.gateway.access.tokens import user_named

        self._user_named = user_named
        self._users = users
        self._passwords = passwords
        self._shared_secret = shared_secret
        self._throttle = LoginThrottle()
        self._known: dict[str, tuple[int, User]] = {}

    async def user(self, query: bytes, headers: Iterable[tuple[bytes, bytes]], client: str) -> User:
        """The user who makes a request. Denied, 401, where nobody knows them.

        headers: with names in lower case. client: the address it comes from.
        """
        return await self._user(credentials_of(headers, query), client)

    def forget(self, name: str) -> None:
        """Keep nothing in memory of a user who has been changed."""
        self._known.pop(name, None)
        self._passwords.forget(name)

    async def _user(self, given: RequestCredentials, client: str) -> User:
        if isinstance(given, Password):
            return await self._by_password(given, client)
        if isinstance(given, Bearer):
            name = self._user_named(given.token, self._shared_secret)
            record = self._users.get(name)
            if record is None or name.startswith(TOKENS):
                raise Denied(401, f"retrieving user {quote(name)} from store: no user exists")
            return self._user_of(record)
        if not is_name(given.token):
            raise Denied(401, f"token must be a valid username: {quote(given.token)}")
        record = self._users.get(token_user(given.token))
        if record is None:
            raise Denied(401, "invalid subscription token")
        return self._user_of(record)

    async def _by_password(self, given: Password, client: str) -> User:
        if not given.name:
            raise Denied(401, "username required")
        before = self._users.get(given.name)
        if before is not None and self._passwords.known(given.name, before.hash, given.password):
            return self._user_of(before)
        async with self._throttle.turn(_counted(given, client)):
            return await self._by_slow_hash(given, client)

    async def _by_slow_hash(self, given: Password, client: str) -> User:
        before = self._users.get(given.name)
        right = await self._passwords.right(given.name, before.hash if before else "", given.password)
        # Meanwhile the user may have been changed.
        record = self._users.get(given.name)
        if not right or before is None or record is None or record.hash != before.hash:
            failures = self._throttle.failed(_counted(given, client))
            warning = _log.limited(f"password/{client}/{given.name}")
            warning.warn("a wrong password", username=given.name, host=client, failures=failures)
            raise Denied(401, "authorization failed")
        self._throttle.succeeded(_counted(given, client))
        return self._user_of(record)

    def _user_of(self, record: UserRecord) -> User:
        name = record.name
        kept = self._known.get(name)
        if kept is not None and kept[0] == record.sequence:
            return kept[1]
        user = User(name, record.admin, privileges_of(record.permissions, record.databases))
        self._known[name] = record.sequence, user
        return user


def _counted(given: Password, client: str) -> str:
    return f"{client} {given.name}"
