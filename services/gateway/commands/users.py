"""Deciding what becomes of users. HTTP and the bus both come here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.gotemplate.strconv import quote
from schemas.api.user import PERMISSIONS, TYPES, CreateUserSchema, GrantTokenSchema, RevokeTokenSchema, UpdateUserSchema
from services.bus.connection import Bus
from services.bus.subjects import escape
from services.gateway.access.names import TOKENS, is_name, token_user
from services.gateway.access.passwords import Passwords
from services.gateway.access.privileges import shown_permissions
from services.gateway.commands.decisions import Decisions, check_in_path
from services.gateway.commands.refusal import Refusal, invalid_json
from services.gateway.disk import Disk
from services.gateway.user_state import UserState
from services.store.projections.tasks import Record

_NAME = "username must contain only letters, numbers, '-', '.', '@' and '_'. "


class UserCommands:
    """Each command is decided on the fold, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: UserState, passwords: Passwords, disk: Disk) -> None:
        self._state = state
        self._passwords = passwords
        self._decisions = Decisions(bus, state, "user", disk)

    async def create(self, body: Any) -> Record:
        """Make a user; gives its record. Checked in order: name, password, permissions, duplicate. Raises Refusal."""
        given = _read(CreateUserSchema(), body)
        name: str = given["name"]
        if not name:
            raise Refusal(400, "username is required")
        _check_name(name)
        if not given["password"]:
            raise Refusal(400, "password is required")
        permissions = shown_permissions(given["permissions"] or ())
        data = {"admin": given["type"] == "admin", "permissions": permissions}

        def check() -> None:
            if self._state.get(name) is not None:
                raise Refusal(400, "failed to create user: user already exists")

        check()
        data["hash"] = await self._hash(given["password"])

        async def define(basis: int) -> None:
            check()
            await self._decisions.publish(name, "defined", data, basis)

        return await self._decide(name, define)

    async def update(self, name: str, body: Any) -> Record:
        """Change a user; gives its record. What is left out stays; an admin has no permissions. Raises Refusal."""
        _check_given(name)
        given = _read(UpdateUserSchema(), body)
        self._there(name)
        change: dict[str, Any] = {}
        if given["password"]:
            change["hash"] = await self._hash(given["password"])
        if given["permissions"] is not None:
            change["permissions"] = shown_permissions(given["permissions"])
        if given["type"]:
            change["admin"] = given["type"] == "admin"
        if given["type"] == "admin":
            change["permissions"] = []

        async def update(basis: int) -> None:
            record = self._there(name)
            if record | change != record:
                kept = {key: record[key] for key in ("admin", "permissions", "hash", "databases")}
                await self._decisions.publish(name, "updated", kept | change, basis)

        return await self._decide(name, update)

    async def delete(self, name: str) -> None:
        """Delete a user; no error where there is none. Raises Refusal."""
        _check_given(name)
        if not name.startswith(TOKENS):
            await self._delete(name)

    async def grant(self, body: Any) -> Record:
        """Let a subscription's token write to one more database; gives its user's record. Raises Refusal."""
        given = _read(GrantTokenSchema(), body)
        if not is_name(given["token"]):
            raise Refusal(400, f"token must be a valid username: {quote(given['token'])}")
        name = token_user(given["token"])

        async def grant(basis: int) -> None:
            record = self._state.get(name)
            databases = record["databases"] if record else []
            if given["database"] not in databases:
                data = {"admin": False, "permissions": [], "hash": "", "databases": [*databases, given["database"]]}
                await self._decisions.publish(name, "updated" if record else "defined", data, basis)

        return await self._decide(name, grant)

    async def revoke(self, body: Any) -> None:
        """Let nobody write with a token any more; a token's user may stand for it. Raises Refusal."""
        token: str = _read(RevokeTokenSchema(), body)["token"]
        await self._delete(token if token.startswith(TOKENS) else token_user(token))

    async def _delete(self, name: str) -> None:
        async def delete(basis: int) -> None:
            if self._state.get(name) is not None:
                await self._decisions.publish(name, "deleted", {}, basis)

        async with self._decisions.alone(name):
            await self._decisions.decide(name, delete)

    async def _decide(self, name: str, decision: Callable[[int], Awaitable[None]]) -> Record:
        async with self._decisions.alone(name):
            await self._decisions.decide(name, decision)
        record = self._state.get(name)
        if record is None:
            raise Refusal(404, "no user exists")
        return record

    async def _hash(self, password: str) -> str:
        try:
            return await self._passwords.hashed(password)
        except ValueError as error:
            raise Refusal(400, str(error)) from error

    def _there(self, name: str) -> Record:
        record = None if name.startswith(TOKENS) else self._state.get(name)
        if record is None:
            raise Refusal(404, "no user exists")
        return record


def _read(schema: Schema, body: Any) -> dict[str, Any]:
    try:
        given: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise invalid_json() from error
    if given.get("type", "") not in ("", *TYPES):
        raise Refusal(400, f"unknown UserType {given['type']}")
    for one in given.get("permissions") or ():
        if one not in PERMISSIONS:
            raise Refusal(400, f"invalid permissions: unknown permission {one}")
    return given


def _check_given(name: str) -> None:
    if not name:
        raise Refusal(400, "must specify username on path")


def _check_name(name: str) -> None:
    if not is_name(name):
        raise Refusal(400, _NAME + quote(name))
    check_in_path("username", name)
    try:
        escape(name)
    except ValueError as error:
        raise Refusal(400, f"username is too long: {error}") from error
