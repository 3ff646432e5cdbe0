"""``tickbus logs``: follow the log of all services."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.output.printing import as_json
from services.cli.server.connecting import asks_server
from services.cli.server.log_stream import follow, tags_of
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("tags", nargs=-1)
@as_json
@asks_server
def command(client: Client, tags: tuple[str, ...], json: bool) -> None:
    """Follow the log of all services until Ctrl-C.

    TAGS choose among its lines: `tickbus logs service=http lvl=info+`; a level with + is that one and those above.
    """
    follow(client, tags_of(tags), json)
