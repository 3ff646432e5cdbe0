"""``tickbus why``: why an alert was raised."""

from __future__ import annotations

import click

from grammar.golang.times import format_rfc3339
from services.cli.go_flags import Command
from services.cli.output.explanations import print_why
from services.cli.output.printing import as_json, print_json
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from services.cli.server.times import time_option
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("topic", shell_complete=ids("topics"))
@click.argument("id", metavar="ALERT-ID")
@time_option("--at", text="The last change at or before this time of the data; otherwise the last there was.")
@as_json
@asks_server
def command(client: Client, topic: str, id: str, at: int | None, json: bool) -> None:
    """Show why the level of an alert changed.

    That is the point that caused it, as it was written, and what happened to it at each node on the way to the alert,
    with what the node kept before and after, and its lambdas with their values.

    \b
    tickbus why cpu cpu:host=a
    tickbus why cpu cpu:host=a -at -1h
    """
    parameters = {} if at is None else {"at": format_rfc3339(at)}
    found = client.request("GET", f"{path_of('alerts/topics', topic)}{path_of('events', id)}/why", parameters)
    if json:
        print_json(found)
    else:
        print_why(found)
