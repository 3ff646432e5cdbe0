"""``tickbus replay``: replay a recording to a task."""

from __future__ import annotations

from typing import Any

import click

from services.cli.go_flags import Command
from services.cli.output.printing import as_json
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server
from services.cli.server.recording_options import replay_options, task_option
from services.cli.server.waiting import finish, no_wait_option
from tickbus.client import Client


@click.command(cls=Command)
@click.option("--recording", required=True, metavar="ID", help="The recording.", shell_complete=ids("recordings"))
@task_option
@replay_options
@no_wait_option
@as_json
@asks_server
def command(client: Client, recording: str, task: str, replay: dict[str, Any], no_wait: bool, json: bool) -> int:
    """Replay a recording to an instance of a task, and print the replay's id once it has ended.

    Handlers and outputs of the task are the real ones, unless it is to have no side effects.

    \b
    tickbus replay -recording monday -task cpu -rec-time
    """
    asked = {"task": task, "recording": recording, **replay}
    return finish(client, "replay", client.request("POST", "/replays", body=asked), no_wait, json)
