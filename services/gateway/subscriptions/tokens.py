"""The tokens of subscriptions that are made here: each may write to one database, and nothing else."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Protocol

from services.gateway.access.names import is_name, token_user
from services.gateway.commands.users import UserCommands
from services.store.folds.users import UserRecord

_BYTES = 64


class Users(Protocol):
    """Where the users that tokens make are looked up."""

    def get(self, name: str) -> UserRecord | None:
        """A user's record, None where there is no such user."""


class Tokens:
    """Makes and revokes them. The token itself stands in InfluxDB alone, here is its hash."""

    def __init__(self, users: Users, commands: UserCommands) -> None:
        self._users, self._commands = users, commands

    @staticmethod
    def new(cluster: str) -> str:
        """A token for a subscription in a cluster, whose name it begins with, as Kapacitor's do."""
        raw = f"{cluster};".encode() + secrets.token_bytes(_BYTES)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def valid(self, cluster: str, token: str, database: str) -> bool:
        """Whether a token was made for this cluster, and what is written to the database with it is taken."""
        if not is_name(token) or _cluster_of(token) != cluster:
            return False
        record = self._users.get(token_user(token))
        return record is not None and database in record.databases

    async def grant(self, token: str, database: str) -> None:
        """Let it write to the database. Raises OperationError."""
        await self._commands.grant({"token": token, "database": database})

    async def revoke(self, user: str) -> None:
        """Let nobody write any more with the token that makes this user. Raises OperationError."""
        await self._commands.revoke({"token": user})


def _cluster_of(token: str) -> str:
    """The cluster that a token was made for, "" where that cannot be told."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return ""
    name, found, _ = raw.partition(b";")
    return name.decode("utf-8", "replace") if found else ""
