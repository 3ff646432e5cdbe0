"""``tickbus explain``: in which parts a task runs, and by what it could be split."""

from __future__ import annotations

from typing import Any

import click

from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.output.printing import as_json, print_json
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server
from services.cli.server.lists import matching
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("tasks"))
@as_json
@asks_server
def command(client: Client, id: str, json: bool) -> None:
    """Show by what a task is split and over which workers, or by what it could be, or which node is in the way.

    A task is split where `split` in [engine] names it: each part has a share of its groups.
    """
    found = next((task["split"] for task in matching(client, "tasks", [id], ["id", "split"]) if task["id"] == id), None)
    if found is None:
        raise CommandFailed(f"no task exists: {id}")
    if json:
        print_json(found)
        return
    click.echo(_now(id, found["now"]))
    if found["could"]:
        click.echo(f"It can be split by {found['could']}.")
    else:
        node = f"{found['node']} is in the way: " if found["node"] else ""
        click.echo(f"It cannot be split: {node}{found['reason']}.")


def _now(id: str, now: dict[str, Any] | None) -> str:
    if now is None:
        return f"{id} is not split."
    workers = ", ".join(f"{number} on {worker or 'no worker yet'}" for number, worker in enumerate(now["workers"]))
    return f"{id} is split by {now['by']} into {len(now['workers'])} parts: {workers}."
