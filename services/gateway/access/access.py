"""Letting requests in: whose credentials they bring along, and whether that user may make them."""

from __future__ import annotations

from typing import Protocol

from grammar.gotemplate.strconv import quote
from services import log as logs
from services.gateway.access.credentials import Bearer, Credentials, Password, credentials_of
from services.gateway.access.login_throttle import LoginThrottle
from services.gateway.access.names import TOKENS, is_name, token_user
from services.gateway.access.passwords import Passwords
from services.gateway.access.privileges import Denied, User, check_request, privileges_of
from services.gateway.access.tokens import user_named
from services.gateway.answers import RawHeaders
from services.store.projections.tasks import Record

_log = logs.get("http")


class Users(Protocol):
    """Where the users are looked up."""

    def get(self, name: str) -> Record | None: ...


class Access:
    """Decides on every request, where authentication is on."""

    def __init__(self, users: Users, passwords: Passwords, shared_secret: str) -> None:
        self._users = users
        self._passwords = passwords
        self._shared_secret = shared_secret
        self._throttle = LoginThrottle()
        self._known: dict[str, tuple[int, User]] = {}

    async def admit(self, method: str, path: str, query: bytes, headers: RawHeaders) -> User:
        """The user who makes a request. Denied, 401 or 403, where it must not be made.

        headers: with names in lower case.
        """
        user = await self._user(credentials_of(headers, query))
        check_request(user, method, path)
        return user

    def forget(self, name: str) -> None:
        """Keep nothing in memory of a user who has been changed."""
        self._known.pop(name, None)
        self._passwords.forget(name)

    async def _user(self, given: Credentials) -> User:
        if isinstance(given, Password):
            return await self._by_password(given)
        if isinstance(given, Bearer):
            name = user_named(given.token, self._shared_secret)
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

    async def _by_password(self, given: Password) -> User:
        if not given.name:
            raise Denied(401, "username required")
        before = self._users.get(given.name)
        if before is not None and self._passwords.known(given.name, before["hash"], given.password):
            return self._user_of(before)
        async with self._throttle.turn(given.name):
            return await self._by_slow_hash(given)

    async def _by_slow_hash(self, given: Password) -> User:
        before = self._users.get(given.name)
        right = await self._passwords.right(given.name, before["hash"] if before else "", given.password)
        # Meanwhile the user may have been changed.
        record = self._users.get(given.name)
        if not right or before is None or record is None or record["hash"] != before["hash"]:
            failures = self._throttle.failed(given.name)
            _log.limited(f"password/{given.name}").warn("a wrong password", username=given.name, failures=failures)
            raise Denied(401, "authorization failed")
        self._throttle.succeeded(given.name)
        return self._user_of(record)

    def _user_of(self, record: Record) -> User:
        name = record["name"]
        kept = self._known.get(name)
        if kept is not None and kept[0] == record["sequence"]:
            return kept[1]
        user = User(name, record["admin"], privileges_of(record["permissions"], record["databases"]))
        self._known[name] = record["sequence"], user
        return user
