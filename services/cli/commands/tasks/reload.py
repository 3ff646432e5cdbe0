"""``tickbus reload``: disable and enable tasks."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server
from services.cli.server.switching import switch
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("tasks", nargs=-1, required=True, shell_complete=ids("tasks"))
@asks_server
def command(client: Client, tasks: tuple[str, ...]) -> None:
    """Disable tasks and enable them, so that they start anew; one that was disabled is enabled too.

    TASKS are ids, or patterns: `tickbus reload 'cpu_*'`.
    """
    switch(client, tasks, "disabled", "enabled")
