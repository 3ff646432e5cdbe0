"""``tickbus user``: the users of the HTTP API, by the commands on the bus, which asks for NATS's credentials alone.

Passwords are asked for on the terminal, or read as a line of standard input where that is none: a command line can be
seen by everybody on the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import secrets
import sys
from typing import Any

import orjson

from schemas.config import Config
from services import log
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.link import Credentials
from services.bus.subjects import command_subject

_CONNECT_SECONDS = 3.0


class Refused(Exception):
    """A command was refused, or cannot be asked; the text says why, for the user to read."""


def user(config: Config, options: argparse.Namespace) -> int:
    """Do what the command line asks for; the exit code."""
    log.setup(config.logging.file, config.logging.level)
    try:
        print(asyncio.run(_run(config, options)))
    except (Refused, BusError, OSError) as error:
        print(f"tickbus user: {error}", file=sys.stderr)
        return 1
    return 0


async def command(bus: Bus, kind: str, verb: str, question: dict[str, Any]) -> Any:
    """What a gateway answers. Raises Refused with its error, BusError where none can be asked."""
    reply = orjson.loads(await bus.ask(command_subject(kind, verb), orjson.dumps(question)))
    if reply["status"] >= 400:
        raise Refused(reply["body"]["error"])
    return reply["body"]


async def _run(config: Config, options: argparse.Namespace) -> str:
    question = _question(options)
    credentials = Credentials(config.nats.username or None, config.nats.password or None)
    async with await Bus.connect(_nats_url(config), "user", credentials, _CONNECT_SECONDS) as bus:
        match options.verb:
            case "add":
                return f"user {(await command(bus, 'user', 'create', question))['name']} added"
            case "passwd" | "set":
                await command(bus, "user", "update", {"id": options.name, "body": question})
                return f"user {options.name} changed"
            case "delete":
                await command(bus, "user", "get", {"id": options.name})
                await command(bus, "user", "delete", {"id": options.name})
                return f"user {options.name} deleted"
            case "grant":
                token = secrets.token_urlsafe(24)
                await command(bus, "token", "grant", {"token": token, "database": options.database})
                said = f"~subscriber may write to {options.database} with this password, which is not shown again:"
                return f"{said}\n{token}"
            case "revoke":
                await command(bus, "token", "revoke", {"token": options.name})
                return f"{options.name} may write no more"
        return await _listed(bus)


def _question(options: argparse.Namespace) -> dict[str, Any]:
    """What the command line says of a user, with the password where there has to be one."""
    question: dict[str, Any] = {}
    if options.verb in ("add", "passwd"):
        question["password"] = _password(options.name)
    if options.verb == "add":
        question["name"] = options.name
    if getattr(options, "type", None):
        question["type"] = options.type
    if getattr(options, "permissions", None) is not None:
        question["permissions"] = [one.strip() for one in options.permissions.split(",") if one.strip()]
    return question


def _password(name: str) -> str:
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = getpass.getpass(f"Password of {name}: ")
        if password != getpass.getpass("Once more: "):
            raise Refused("the two are not the same")
    if not password:
        raise Refused("a password must not be empty")
    return password


async def _listed(bus: Bus) -> str:
    rows = [("NAME", "TYPE", "PERMISSIONS")]
    offset = 0
    while users := (await command(bus, "user", "list", {"offset": offset}))["users"]:
        rows += [(one["name"], one["type"], ", ".join(one["permissions"])) for one in users]
        offset += len(users)
    tokens = (await command(bus, "token", "list", {}))["tokens"]
    rows += [(one["name"], "token", f"writes to {', '.join(one['databases'])}") for one in tokens]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:{widths[0]}}  {kind:{widths[1]}}  {what}".rstrip() for name, kind, what in rows)


def _nats_url(config: Config) -> str:
    """The NATS given, or that of the `tickbus serve` that runs on the data directory."""
    if config.nats.url:
        return config.nats.url
    file = config.data_dir / "state.json"
    try:
        url: str = json.loads(file.read_text("utf-8"))["nats"]
    except FileNotFoundError:
        raise Refused(
            f"no `tickbus serve` runs on {config.data_dir}: name its directory with --data-dir, or its NATS with --nats"
        ) from None
    except (ValueError, KeyError) as error:
        raise Refused(f"{file} cannot be read: {error}") from error
    return url
