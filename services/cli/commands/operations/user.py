"""``tickbus user``: the users of the HTTP API, by the commands on the bus, which asks for NATS's credentials alone.

Passwords are asked for on the terminal, or read as a line of standard input where that is none: a command line can be
seen by everybody on the machine.
"""

from __future__ import annotations

import getpass
import secrets
import sys
from typing import Any

import click

from services.bus.connection import Bus
from services.cli.bus_command import ask_gateway, asks_bus
from services.cli.errors import CommandFailed
from services.cli.go_flags import Group
from services.cli.output.printing import as_json, json_text
from services.cli.output.tables import aligned

_permissions = click.option("--permissions", metavar="LIST", help="Of api, config_api, write_points, all; with commas.")
_name = click.argument("name")
_asks_bus = asks_bus("user")


@click.group(cls=Group)
def command() -> None:
    """Make, change, delete and list the users of the HTTP API, over the bus: whoever has NATS's credentials may."""


@command.command("add")
@_asks_bus
@_name
@click.option("--admin", is_flag=True, help="May do everything.")
@_permissions
async def add(bus: Bus, name: str, admin: bool, permissions: str | None) -> str:
    """Make a user; the password is asked for, or read from standard input."""
    question = {"name": name, "password": _password(name), **_rights("admin" if admin else None, permissions)}
    return f"user {(await _ask(bus, 'user', 'create', question))['name']} added"


@command.command("set")
@_asks_bus
@_name
@click.option("--admin", "type", flag_value="admin", help="May do everything.")
@click.option("--normal", "type", flag_value="normal", help="May do what is permitted.")
@_permissions
async def change(bus: Bus, name: str, type: str | None, permissions: str | None) -> str:
    """Change what a user may do."""
    await _ask(bus, "user", "update", {"id": name, "body": _rights(type, permissions)})
    return f"user {name} changed"


@command.command("passwd")
@_asks_bus
@_name
async def passwd(bus: Bus, name: str) -> str:
    """Give a user another password."""
    await _ask(bus, "user", "update", {"id": name, "body": {"password": _password(name)}})
    return f"user {name} changed"


@command.command("delete")
@_asks_bus
@_name
async def delete(bus: Bus, name: str) -> str:
    """Delete a user."""
    await _ask(bus, "user", "get", {"id": name})
    await _ask(bus, "user", "delete", {"id": name})
    return f"user {name} deleted"


@command.command("list")
@_asks_bus
@as_json
async def list_(bus: Bus, json: bool) -> str:
    """List all users, and the tokens of subscriptions."""
    return await _listed(bus, json)


@command.command("grant")
@_asks_bus
@click.argument("database")
async def grant(bus: Bus, database: str) -> str:
    """Make a token that `~subscriber` may write to a database with."""
    token = secrets.token_urlsafe(24)
    await _ask(bus, "token", "grant", {"token": token, "database": database})
    return f"~subscriber may write to {database} with this password, which is not shown again:\n{token}"


@command.command("revoke")
@_asks_bus
@_name
async def revoke(bus: Bus, name: str) -> str:
    """Let nobody write with a token any more; NAME is the token's, as `list` shows it."""
    await _ask(bus, "token", "revoke", {"token": name})
    return f"{name} may write no more"


async def _ask(bus: Bus, kind: str, verb: str, question: dict[str, Any]) -> Any:
    return await ask_gateway(bus, "tickbus user", kind, verb, question)


def _rights(type: str | None, permissions: str | None) -> dict[str, Any]:
    """What the command line says that a user may do."""
    rights: dict[str, Any] = {} if type is None else {"type": type}
    if permissions is not None:
        rights["permissions"] = [one.strip() for one in permissions.split(",") if one.strip()]
    return rights


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(f"Password of {name}: ")
        if password != getpass.getpass("Once more: "):
            raise CommandFailed("the two are not the same")
    if not password:
        raise CommandFailed("a password must not be empty")
    return password


async def _listed(bus: Bus, json: bool) -> str:
    rows = [("NAME", "TYPE", "PERMISSIONS")]
    users: list[dict[str, Any]] = []
    while page := (await _ask(bus, "user", "list", {"offset": len(users)}))["users"]:
        users += page
    tokens = (await _ask(bus, "token", "list", {}))["tokens"]
    if json:
        return json_text({"users": users, "tokens": tokens})
    rows += [(one["name"], one["type"], ", ".join(one["permissions"])) for one in users]
    rows += [(one["name"], "token", f"writes to {', '.join(one['databases'])}") for one in tokens]
    return aligned(rows)
