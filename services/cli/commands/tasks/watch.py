"""``tickbus watch``: follow the log of a task."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.output.printing import as_json, note
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from services.cli.server.lists import find
from services.cli.server.log_stream import follow, tags_of
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("tasks"))
@click.argument("tags", nargs=-1)
@as_json
@asks_server
def command(client: Client, id: str, tags: tuple[str, ...], json: bool) -> None:
    """Follow the log of a task until Ctrl-C.

    TAGS choose among its lines: `tickbus watch cpu node=log5`.
    """
    chosen = {"task": id, **tags_of(tags)}
    if find(client, path_of("tasks", id), {"fields": "id"}) is None:
        note(f"there is no task {id} yet")
    follow(client, chosen, json)
