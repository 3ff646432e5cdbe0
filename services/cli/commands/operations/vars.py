"""``tickbus vars``: all figures of a server."""

from __future__ import annotations

import sys

import click

from services.cli.go_flags import Command
from services.cli.output.printing import as_json, print_json
from services.cli.server.connecting import asks_server
from tickbus.client import Client

_PATH = "/kapacitor/v1/debug/vars"


@click.command(cls=Command)
@as_json
@asks_server
def command(client: Client, json: bool) -> None:
    """Print all figures of a server as JSON: as it gives them, or with --json for people to read."""
    if json:
        print_json(client.request("GET", _PATH))
        return
    with client.open(_PATH) as body:
        for piece in body.pieces:
            sys.stdout.buffer.write(piece)
