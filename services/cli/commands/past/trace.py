"""``tickbus trace``: what goes into the nodes of a task and comes out of them."""

from __future__ import annotations

import json as json_lines

import click

from services.cli.go_flags import Command
from services.cli.output.trace_report import print_trace
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server
from services.cli.server.inspecting import carried_out, keep_option, results
from services.cli.server.times import time_option
from tickbus.client import Client

_FOR_PEOPLE = 1000  # lines


@click.command(cls=Command)
@click.argument("task", shell_complete=ids("tasks"))
@time_option("--from", "begin", text="From when on: a time, or so long ago, as -1h.", required=True)
@time_option("--to", "end", text="Until when; now without.")
@click.option("--node", metavar="NODE", help="This node alone, by its name in DOT; then what goes in is shown too.")
@click.option("--group", metavar="TAGS", help="Only what has these tags, as host=a,cpu=0.")
@click.option("--where", metavar="LAMBDA", help="Only points for which this holds, as '\"usage\" > 90.0'.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="So many lines at most; 1000 without, and as many as the server keeps with --json.",
)
@keep_option
@click.option("--json", is_flag=True, help="Print each line, and last the summary, as JSON.")
@asks_server
def command(
    client: Client,
    task: str,
    begin: int,
    end: int | None,
    node: str | None,
    group: str | None,
    where: str | None,
    limit: int | None,
    keep: bool,
    json: bool,
) -> None:
    """Run a task over a part of the log with nothing done outside, and show what comes out of its nodes.

    It begins with the state that is kept of it from then. Ctrl-C ends it and leaves nothing behind.

    \b
    tickbus trace cpu -from -1h -group host=a
    tickbus trace cpu -from 2026-11-30T08:00:00Z -to 2026-11-30T08:10:00Z -node window2 -json
    """
    most = limit or (None if json else _FOR_PEOPLE)
    given = {"stop": end, "node": node, "group": group, "where": where, "limit": most}
    asked = {"task": task, "start": begin, **{key: value for key, value in given.items() if value is not None}}
    with carried_out(client, "trace", asked, keep) as view:
        if json:
            for line in results(client, view):
                print(json_lines.dumps(line, ensure_ascii=False))
            print(json_lines.dumps({"kind": "summary", **view["summary"]}, ensure_ascii=False))
        else:
            print_trace(view, results(client, view))
