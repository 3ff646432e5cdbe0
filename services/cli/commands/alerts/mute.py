"""``tickbus mute``: keep alerts from handlers in windows that come again."""

from __future__ import annotations

from typing import Any

import click

from services.cli.go_flags import Command, Group
from services.cli.output.matchers import matchers_text
from services.cli.output.printing import as_json, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.connecting import asks_server, path_of
from tickbus.client import Client

_COLUMNS = (
    Column("ID", 2, fits=True),
    Column("Status", 8),
    Column("Matchers", 8, fits=True),
    Column("Handlers", 8, fits=True),
    Column("When", 4, fits=True),
    Column("By", 2, fits=True),
    Column("Comment", 7, fits=True),
)


@click.group(cls=Group)
def command() -> None:
    """Keep alerts from handlers in windows that come again: they are recorded and shown, not sent.

    MATCHERS are those of silences: NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX, where NAME is topic, id, task,
    level, name (the measurement) or else a tag. What is not OK when a window ends is told once then.
    """


@command.command("add", cls=Command)
@click.argument("matchers", nargs=-1)
@click.option("--handler", "handlers", multiple=True, metavar="H", help="Only this one is muted: an id, or a kind.")
@click.option("--times", multiple=True, metavar="T", help="Times of the day, as 22:00-24:00; several: any of them.")
@click.option("--weekdays", multiple=True, metavar="D", help="As monday:friday, or sunday.")
@click.option("--days", multiple=True, metavar="D", help="Of the month, as 1:5, or -3:-1 for the last three.")
@click.option("--months", multiple=True, metavar="M", help="As january:march, or 12.")
@click.option("--years", multiple=True, metavar="Y", help="As 2026:2027.")
@click.option("--location", metavar="ZONE", help="The time zone, as Europe/Berlin; UTC unless set.")
@click.option("--id", metavar="ID", help="What it is called; left out, that is made.")
@click.option("--comment", default="", help="Why.")
@click.option("--author", default="", help="Who; left out, the user of the URL.")
@asks_server
def add(client: Client, matchers: tuple[str, ...], handlers: tuple[str, ...], **given: Any) -> None:
    """Mute alerts that fit all matchers, while all that is said of the time is so; prints the mute's id.

    Windows over midnight are two times: 22:00-24:00 and 00:00-06:00.
    """
    names = {"times": "times", "weekdays": "weekdays", "days": "days_of_month", "months": "months", "years": "years"}
    interval = {key: list(given[name]) for name, key in names.items() if given[name]}
    if given["location"]:
        interval["location"] = given["location"]
    body = {
        "id": given["id"],
        "matchers": list(matchers),
        "handlers": list(handlers),
        "intervals": [interval],
        "comment": given["comment"],
        "created-by": given["author"] or None,
    }
    made = client.request("POST", path_of("mutes"), body={k: v for k, v in body.items() if v is not None})
    print(made["id"])


@command.command("list", cls=Command)
@as_json
@asks_server
def list_(client: Client, json: bool) -> None:
    """List mutes: active are those that mute at this moment."""
    found = client.request("GET", path_of("mutes"), {"limit": "-1"})["mutes"]
    if json:
        print_json(found)
        return
    print_table(_COLUMNS, [_row(one) for one in found])


@command.command("delete", cls=Command)
@click.argument("ids", nargs=-1, required=True)
@asks_server
def delete(client: Client, ids: tuple[str, ...]) -> None:
    """End mutes; what is not OK of what they mute is told."""
    for id in ids:
        client.request("GET", path_of("mutes", id))
    for id in ids:
        client.request("DELETE", path_of("mutes", id))


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    when = "; ".join(map(_when, one["intervals"]))
    handlers = " ".join(one["handlers"]) or "all"
    return one["id"], one["status"], matchers_text(one["matchers"]), handlers, when, one["created-by"], one["comment"]


def _when(interval: dict[str, Any]) -> str:
    return " ".join(",".join(value) if isinstance(value, list) else value for value in interval.values())
