"""Deciding what becomes of users. HTTP and the bus both come here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from marshmallow import Schema, ValidationError

from grammar.golang.quoting import quote
from schemas.api.user import PERMISSIONS, TYPES, CreateUserSchema, GrantTokenSchema, RevokeTokenSchema, UpdateUserSchema
from services.bus.connection import Bus
from services.bus.subjects import escape
from services.gateway.access.names import TOKENS, is_name, token_user
from services.gateway.access.passwords import Passwords
from services.gateway.access.privileges import minimal_permissions
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.commands.decisions import Decisions, check_in_path
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.gateway.readmodels.users import UserReadModel
from services.store.folds.users import UserRecord

_NAME = "username must contain only letters, numbers, '-', '.', '@' and '_'. "


class UserCommands:
    """Each command is decided on the read model, and decided anew where somebody else was first."""

    def __init__(self, bus: Bus, state: UserReadModel, passwords: Passwords, disk: NatsDisk) -> None:
        self._state = state
        self._passwords = passwords
        self._decisions = Decisions(bus, state, "user", disk)

    async def create(self, body: Any) -> UserRecord:
        """Make a user; gives its record. Checked in order: name, password, permissions, duplicate.

        Raises OperationError.
        """
        given = _read(CreateUserSchema(), body)
        name: str = given["name"]
        if not name:
            raise OperationError(400, "username is required")
        _check_name(name)
        if not given["password"]:
            raise OperationError(400, "password is required")
        permissions = minimal_permissions(given["permissions"] or ())
        data = {"admin": given["type"] == "admin", "permissions": permissions}

        def check() -> None:
            if self._state.get(name) is not None:
                raise OperationError(400, "failed to create user: user already exists")

        check()
        data["hash"] = await self._hash(given["password"])

        async def define(expected_version: int) -> None:
            check()
            await self._decisions.publish(name, "defined", data, expected_version)

        return await self._decide(name, define)

    async def update(self, name: str, body: Any) -> UserRecord:
        """Change a user; gives its record. What is left out stays; an admin has no permissions.

        Raises OperationError.
        """
        _check_given(name)
        given = _read(UpdateUserSchema(), body)
        self._there(name)
        change: dict[str, Any] = {}
        if given["password"]:
            change["hash"] = await self._hash(given["password"])
        if given["permissions"] is not None:
            change["permissions"] = minimal_permissions(given["permissions"])
        if given["type"]:
            change["admin"] = given["type"] == "admin"
        if given["type"] == "admin":
            change["permissions"] = []

        async def update(expected_version: int) -> None:
            record = self._there(name)
            if replace(record, **change) != record:
                kept = {key: getattr(record, key) for key in ("admin", "permissions", "hash", "databases")}
                await self._decisions.publish(name, "updated", kept | change, expected_version)

        return await self._decide(name, update)

    async def delete(self, name: str) -> None:
        """Delete a user; no error where there is none. Raises OperationError."""
        _check_given(name)
        if not name.startswith(TOKENS):
            await self._delete(name)

    async def grant(self, body: Any) -> UserRecord:
        """Let a subscription's token write to one more database; gives its user's record. Raises OperationError."""
        given = _read(GrantTokenSchema(), body)
        if not is_name(given["token"]):
            raise OperationError(400, f"token must be a valid username: {quote(given['token'])}")
        name = token_user(given["token"])

        async def grant(expected_version: int) -> None:
            record = self._state.get(name)
            databases = record.databases if record else []
            if given["database"] not in databases:
                data = {"admin": False, "permissions": [], "hash": "", "databases": [*databases, given["database"]]}
                await self._decisions.publish(name, "updated" if record else "defined", data, expected_version)

        return await self._decide(name, grant)

    async def revoke(self, body: Any) -> None:
        """Let nobody write with a token any more; a token's user may stand for it. Raises OperationError."""
        token: str = _read(RevokeTokenSchema(), body)["token"]
        await self._delete(token if token.startswith(TOKENS) else token_user(token))

    async def _delete(self, name: str) -> None:
        async def delete(expected_version: int) -> None:
            if self._state.get(name) is not None:
                await self._decisions.publish(name, "deleted", {}, expected_version)

        async with self._decisions.alone(name):
            await self._decisions.decide(name, delete)

    async def _decide(self, name: str, decision: Callable[[int], Awaitable[None]]) -> UserRecord:
        async with self._decisions.alone(name):
            await self._decisions.decide(name, decision)
        record = self._state.get(name)
        if record is None:
            raise OperationError(404, "no user exists")
        return record

    async def _hash(self, password: str) -> str:
        try:
            return await self._passwords.hashed(password)
        except ValueError as error:
            raise OperationError(400, str(error)) from error

    def _there(self, name: str) -> UserRecord:
        record = None if name.startswith(TOKENS) else self._state.get(name)
        if record is None:
            raise OperationError(404, "no user exists")
        return record


def _read(schema: Schema, body: Any) -> dict[str, Any]:
    try:
        given: dict[str, Any] = schema.load(body)
    except ValidationError as error:
        raise invalid_json() from error
    if given.get("type", "") not in ("", *TYPES):
        raise OperationError(400, f"unknown UserType {given['type']}")
    for one in given.get("permissions") or ():
        if one not in PERMISSIONS:
            raise OperationError(400, f"invalid permissions: unknown permission {one}")
    return given


def _check_given(name: str) -> None:
    if not name:
        raise OperationError(400, "must specify username on path")


def _check_name(name: str) -> None:
    if not is_name(name):
        raise OperationError(400, _NAME + quote(name))
    check_in_path("username", name)
    try:
        escape(name)
    except ValueError as error:
        raise OperationError(400, f"username is too long: {error}") from error
