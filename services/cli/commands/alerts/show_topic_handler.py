"""``tickbus show-topic-handler``: a handler of a topic."""

from __future__ import annotations

import click

from grammar.golang.json_writer import to_json
from services.cli.go_flags import Command
from services.cli.output.printing import as_json, print_field, print_json
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, handler_path
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("topic", shell_complete=ids("topics"))
@click.argument("id")
@as_json
@asks_server
def command(client: Client, topic: str, id: str, json: bool) -> None:
    """Show a handler of a topic."""
    handler = client.request("GET", handler_path(topic, id))
    if json:
        print_json(handler)
        return
    print_field("ID", handler["id"])
    print_field("Topic", topic)
    print_field("Kind", handler["kind"])
    print_field("Match", handler["match"])
    print_field("Options", to_json(handler["options"]))
