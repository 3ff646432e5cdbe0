"""``tickbus service-tests``: try out services that alerts are sent to."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.output.go_texts import yes_or_no
from services.cli.output.printing import as_json, note, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, linked
from services.cli.server.lists import matching
from tickbus.client import Client

_COLUMNS = (Column("Service", 20), Column("Success", 10, marked=True), Column("Message"))


@click.command(cls=Command)
@click.argument("services", nargs=-1, required=True, shell_complete=ids("service-tests"))
@as_json
@asks_server
def command(client: Client, services: tuple[str, ...], json: bool) -> None:
    """Try out services that alerts are sent to, as they are configured; `tickbus list service-tests` has them.

    SERVICES are names, or patterns.
    """
    results = [
        {"name": one["name"], **client.request("POST", linked(one), body={})}
        for one in matching(client, "service-tests", services)
    ]
    if not results:
        note(f"no service-tests match {' '.join(services)}")
    if json:
        print_json(results)
        return
    print_table(_COLUMNS, [(one["name"], yes_or_no(one["success"]), one["message"]) for one in results])
