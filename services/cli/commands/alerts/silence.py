"""``tickbus silence``: keep alerts from handlers for a while."""

from __future__ import annotations

import json as json_module
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from services.cli.errors import CommandFailed, MistakenCall
from services.cli.go_flags import Command, Group
from services.cli.output.matchers import matchers_text
from services.cli.output.printing import as_json, note, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.connecting import asks_server, path_of
from tickbus.client import Client
from tickbus.errors import Refused

_COLUMNS = (
    Column("ID", 2, fits=True),
    Column("Status", 8),
    Column("Matchers", 8, fits=True),
    Column("Until", 20),
    Column("By", 2, fits=True),
    Column("Comment", 7, fits=True),
)
_NAMES = {"alertname": "id"}
"""What labels of Alertmanager are here, where that is another name: an alert's name there is its id here."""


@click.group(cls=Group)
def command() -> None:
    """Keep alerts from handlers for a while: they are recorded and shown, not sent.

    MATCHERS are NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX, where NAME is topic, id, task, level, name (the
    measurement) or else a tag; an alert must fit all of them. What is not OK when a silence ends is told once then.
    """


@command.command("add", cls=Command)
@click.argument("matchers", nargs=-1, required=True)
@click.option("--duration", metavar="D", help="For how long, as 2h30m.")
@click.option("--end", metavar="TIME", help="Until when, as 2026-01-02T03:04:05Z.")
@click.option("--start", metavar="TIME", help="From when on; left out, from now on.")
@click.option("--comment", default="", help="Why.")
@click.option("--author", default="", help="Who; left out, the user of the URL.")
@asks_server
def add(
    client: Client,
    matchers: tuple[str, ...],
    duration: str | None,
    end: str | None,
    start: str | None,
    comment: str,
    author: str,
) -> None:
    """Silence alerts that fit all matchers; prints the silence's id."""
    if (duration is None) == (end is None):
        raise MistakenCall("tickbus silence add: give -duration or -end")
    times = {"duration": duration, "end": end, "start": start}
    body = {"matchers": list(matchers), "comment": comment, "created-by": author or None, **times}
    made = client.request("POST", path_of("silences"), body={k: v for k, v in body.items() if v is not None})
    print(made["id"])


@command.command("list", cls=Command)
@click.option("--all", "all_", is_flag=True, help="Those that are over, too.")
@as_json
@asks_server
def list_(client: Client, all_: bool, json: bool) -> None:
    """List silences that last or are to come."""
    parameters = {"limit": "-1"} | ({} if all_ else {"status": "active,pending"})
    found = client.request("GET", path_of("silences"), parameters)["silences"]
    if json:
        print_json(found)
        return
    print_table(_COLUMNS, [_row(one) for one in found])


@command.command("expire", cls=Command)
@click.argument("ids", nargs=-1, required=True)
@asks_server
def expire(client: Client, ids: tuple[str, ...]) -> None:
    """End silences now."""
    for id in ids:
        client.request("GET", path_of("silences", id))
    for id in ids:
        client.request("DELETE", path_of("silences", id))


@command.command("import", cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@asks_server
def import_(client: Client, file: Path) -> None:
    """Take over silences of Alertmanager.

    FILE is what `amtool silence query -o json` prints, or GET /api/v2/silences answers. Those that are over are left
    out; one that is here already stays as it is. The label alertname is taken for the alert's id.
    """
    taken = passed = 0
    for at, one in enumerate(_read(file)):
        try:
            body = _of_alertmanager(one)
        except (KeyError, TypeError, ValueError) as error:
            raise CommandFailed(f"{file}: number {at + 1} is no silence of Alertmanager: {error!r}") from error
        if body is None or _is_there(client, body["id"]):
            passed += 1
            continue
        client.request("POST", path_of("silences"), body=body)
        taken += 1
    note(f"{taken} silences taken over, {passed} passed over")


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    matchers = matchers_text(one["matchers"])
    return one["id"], one["status"], matchers, one["end"][:19] + "Z", one["created-by"], one["comment"]


def _read(file: Path) -> list[Any]:
    try:
        found = json_module.loads(file.read_text("utf-8"))
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror or error}") from error
    except ValueError as error:
        raise CommandFailed(f"{file} is no JSON: {error}") from error
    if not isinstance(found, list):
        raise CommandFailed(f"{file} is no list of silences")
    return found


def _of_alertmanager(one: dict[str, Any]) -> dict[str, Any] | None:
    """What is asked for in place of it, None where it is over."""
    if datetime.fromisoformat(one["endsAt"]) <= datetime.now(UTC):
        return None
    matchers = [
        {
            "name": _NAMES.get(m["name"], m["name"]),
            "value": m["value"],
            "is-regex": m["isRegex"],
            "is-equal": m.get("isEqual", True),
        }
        for m in one["matchers"]
    ]
    return {
        "id": one["id"],
        "matchers": matchers,
        "start": one["startsAt"],
        "end": one["endsAt"],
        "created-by": one.get("createdBy", ""),
        "comment": one.get("comment", ""),
    }


def _is_there(client: Client, id: str) -> bool:
    try:
        client.request("GET", path_of("silences", id))
        return True
    except Refused as error:
        if error.status == 404:
            return False
        raise
