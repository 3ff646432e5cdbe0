"""``tickbus why-not``: why no alert was raised."""

from __future__ import annotations

import click

from grammar.golang.durations import format_go_duration
from grammar.golang.times import format_rfc3339
from services.cli.go_flags import Command
from services.cli.output.explanations import print_why_not
from services.cli.output.printing import as_json, print_json
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from services.cli.server.times import duration_option, time_option
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("task", shell_complete=ids("tasks"))
@click.option("--group", metavar="TAGS", default="", help="The tags of the points that are meant, as host=a,cpu=0.")
@time_option("--at", text="The time of the points that are meant.", required=True)
@duration_option("--within", "How much before and behind that time as well; 10s where it is not given.")
@as_json
@asks_server
def command(client: Client, task: str, group: str, at: int, within: int | None, json: bool) -> None:
    """Show how far points of a time got in a task.

    That is what came in and went out at each node, and at which node each point ended, and why.

    \b
    tickbus why-not cpu -at -10m -group host=a
    tickbus why-not cpu -at 2026-11-30T03:00:00Z -within 5m
    """
    parameters = {"group": group, "at": format_rfc3339(at)}
    if within is not None:
        parameters["within"] = format_go_duration(within)
    found = client.request("GET", f"{path_of('tasks', task)}/why-not", parameters)
    if json:
        print_json(found)
    else:
        print_why_not(found)
