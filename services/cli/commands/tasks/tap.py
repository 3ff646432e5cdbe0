"""``tickbus tap``: follow what leaves the nodes of a task."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from grammar.golang.durations import format_go_duration
from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.output.printing import as_json, safe, styled
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from services.cli.server.lists import find
from services.cli.server.times import duration_option
from tickbus.client import Client

_MOST_POINTS = 3  # of a batch that are shown to people, at each end


@click.command(cls=Command)
@click.argument("task", metavar="TASK[.NODE]", shell_complete=ids("tasks"))
@click.option("--group", metavar="TAGS", default="", help="Only what has these tags, as host=a,cpu=0.")
@click.option(
    "--rate", metavar="N", type=click.IntRange(1, 1000), default=100, show_default=True, help="Rows a second at most."
)
@duration_option("--for", "Follow it for so long.  [default: until Ctrl-C]")
@as_json
@asks_server
def command(client: Client, task: str, group: str, rate: int, json: bool, **more: int | None) -> None:
    """Follow what leaves the nodes of a task, or one of them, as it happens, until Ctrl-C.

    Of what comes faster than the rate an even part is shown, and it is said how many rows are left out. Nobody else is
    the slower for it. The nodes of a task are those of `tickbus show TASK`.

    \b
    tickbus tap cpu.alert3
    tickbus tap cpu -group host=a -for 10s --json
    """
    duration = more["for"]
    id, node = _named(client, task)
    given = {"node": node, "group": group, "rate": rate, "for": duration and format_go_duration(duration)}
    parameters = {key: str(value) for key, value in given.items() if value}
    try:
        with client.open(f"{path_of('tasks', id)}/tap", parameters) as body:
            left = b""
            for piece in body.pieces:
                *lines, left = (left + piece).split(b"\n")
                for line in lines:
                    _print(line.decode("utf-8", "backslashreplace"), json)
                sys.stdout.flush()
    except KeyboardInterrupt:
        return


def _named(client: Client, name: str) -> tuple[str, str]:
    """Task and node that are meant: ids may have dots. Raises CommandFailed where there is no such task."""
    of, dot, node = name.rpartition(".")
    for id, its in ((name, ""), *(((of, node),) if dot and of else ())):
        if find(client, path_of("tasks", id)) is not None:
            return id, its
    raise CommandFailed(f"there is no task {of or name}")


def _print(line: str, as_is: bool) -> None:
    if as_is:
        print(line)
        return
    row = json.loads(line)
    if "error" in row:
        raise CommandFailed(row["error"])
    if "node" not in row:
        print(styled(f"({row['left-out']} rows left out)", dim=True))
        return
    print(f"{styled(row['node'], bold=True)} {safe(_what(row))}")


def _what(row: dict[str, Any]) -> str:
    if "barrier" in row:
        over = " the group is over" if row["deletes"] else ""
        return _words(row["time"] or "-", "barrier", row["tags"]) + over
    if "point" in row:
        return _words(row["time"], row["point"], row["tags"], row["fields"])
    points = row["points"]
    count = sum(point.get("left-out", 1) for point in points)
    shown = points if len(points) <= 2 * _MOST_POINTS else [*points[:_MOST_POINTS], {}, *points[-_MOST_POINTS:]]
    head = f"{_words(row['time'], row['batch'], row['tags'])} {count} points"
    return "\n".join([head, *(f"  {_words(p['time'], '', {}, p['fields']) if 'time' in p else '…'}" for p in shown)])


def _words(time: str, what: str, tags: dict[str, str], fields: dict[str, Any] | None = None) -> str:
    """As line protocol has it, with the time in front."""
    key = ",".join([what, *(f"{name}={value}" for name, value in tags.items())])
    values = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in (fields or {}).items())
    return " ".join(filter(None, (time, key, values)))
