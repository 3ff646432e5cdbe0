"""``tickbus define-template``: create or update a template."""

from __future__ import annotations

from pathlib import Path

import click

from services.cli.go_flags import Command
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from services.cli.server.documents import text_of
from services.cli.server.lists import find
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("templates"))
@click.option("--tick", type=click.Path(path_type=Path), metavar="FILE", help="The TICKscript.")
@click.option("--type", "type_", type=click.Choice(["stream", "batch"]), help="The type; the script tells it as well.")
@asks_server
def command(client: Client, id: str, tick: Path | None, type_: str | None) -> None:
    """Create or update a template. What is not given is left as it is; tasks made of it are reloaded.

    \b
    tickbus define-template cpu -tick cpu.tick -type stream
    """
    given = {"script": text_of(tick) if tick is not None else "", "type": type_}
    asked = {key: value for key, value in given.items() if value}
    path = path_of("templates", id)
    if find(client, path) is None:
        client.request("POST", "/templates", body={"id": id, **asked})
    else:
        client.request("PATCH", path, body=asked)
