"""``tickbus level``: set the level of the log."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.server.connecting import asks_server
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("level", type=click.Choice(["debug", "info", "error"], case_sensitive=False), metavar="LEVEL")
@asks_server
def command(client: Client, level: str) -> None:
    """Set the level of the log of all services: debug, info or error."""
    client.request("POST", "/loglevel", body={"level": level.upper()})
