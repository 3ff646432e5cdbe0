"""``tickbus alerts``: what has become of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from services.cli.errors import MistakenCall
from services.cli.go_flags import Command, Group
from services.cli.output.go_texts import moment
from services.cli.output.printing import as_json, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.connecting import asks_server
from services.gateway.queries.transitions.as_csv import transitions_csv
from tickbus.client import Client

_COLUMNS = (
    Column("Time", 23),
    Column("Topic", 5, fits=True),
    Column("Event", 5, fits=True),
    Column("Level", 9, marked=True),
    Column("From", 9),
    Column("Message", 7, fits=True),
)
_PAGE = 1000


@click.group(cls=Group)
def command() -> None:
    """Show what has become of alerts."""


@command.command("history", cls=Command)
@click.argument("matchers", nargs=-1)
@click.option("--from", "from_", metavar="TIME", help="Stored then or later, as 2026-01-02T03:04:05Z.")
@click.option("--to", metavar="TIME", help="Stored then or before.")
@click.option("--limit", default=100, show_default=True, help="At most so many, the latest; -1: all.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, with a header.")
@as_json
@asks_server
def history(
    client: Client, matchers: tuple[str, ...], from_: str | None, to: str | None, limit: int, as_csv: bool, json: bool
) -> None:
    """Show changes of alerts' levels, the latest first.

    MATCHERS say which: topic=cpu, id=~web.*, task=…, level=CRITICAL, name=… (the measurement), or a tag, with =, !=, =~
    and !~; all must fit.
    """
    if as_csv and json:
        raise MistakenCall("tickbus alerts history: give -csv or -json")
    asked = {"match": list(matchers), "from": from_, "to": to}
    found = list(_pages(client, {key: value for key, value in asked.items() if value}, limit))
    if json:
        print_json(found)
    elif as_csv:
        print(transitions_csv(found), end="")
    else:
        print_table(_COLUMNS, [_row(one) for one in found])


def _pages(client: Client, asked: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    left, after = limit, ""
    while left:
        size = _PAGE if left < 0 else min(left, _PAGE)
        page = client.request("GET", "/alerts/history", {**asked, "limit": str(size), "after": after})
        yield from page["transitions"]
        left -= len(page["transitions"]) if left > 0 else 0
        after = page["next"]
        if not after:
            return


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    time = moment(one["stored"], local=True)
    return time, one["topic"], one["id"], one["level"], one["previousLevel"], one["message"]
