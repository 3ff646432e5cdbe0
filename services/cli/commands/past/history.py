"""``tickbus history``: how far back writes, alerts and the states of tasks go."""

from __future__ import annotations

from typing import Any

import click

from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.output.printing import as_json, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server
from tickbus.client import Client

_STREAMS = (
    Column("Log", 4, fits=True),
    Column("From", 20, fits=True),
    Column("To", 20, fits=True),
    Column("Messages", 8, fits=True, right=True),
    Column("Bytes", 5, fits=True, right=True),
)
_TASKS = (
    Column("Task", 4, fits=True),
    Column("From", 20, fits=True),
    Column("To", 20, fits=True),
    Column("Runs", 4, fits=True, right=True),
    Column("States", 6, fits=True, right=True),
    Column("Bytes", 5, fits=True, right=True),
)
_STATES = (
    Column("Time", 20, fits=True),
    Column("Position", 8, fits=True, right=True),
    Column("Until", 5, fits=True, right=True),
    Column("Run", 3, fits=True, right=True),
    Column("Bytes", 5, fits=True, right=True),
    Column(" Why", 4, fits=True),
)
_PART = Column(" Part", 5, fits=True)


@click.command(cls=Command)
@click.argument("task", required=False, shell_complete=ids("tasks"))
@as_json
@asks_server
def command(client: Client, task: str | None, json: bool) -> None:
    """Show how far back writes, alerts and events go, and the states that are kept of tasks.

    With the id of a TASK, each state that is kept of it: whoever looks into its past begins with the nearest before
    that. It is of a place in the log of writes (Position), and stands for the task up to another one (Until), as far
    as nothing has changed. Run is the event that enabled the task. Why: its run began, it was due (history-every in
    [engine]), a pause of the worker had ended, the run ended. Part: of which part of a task that runs in parts, and
    of how many, from 0 on; one of each of them is begun with.
    """
    found = client.request("GET", "/history", {"task": task} if task else {})
    if task and not found["tasks"]:
        raise CommandFailed(f"no state is kept of a task {task}")
    if json:
        print_json(found)
        return
    if task:
        _print_states(found["tasks"][0]["points"])
        return
    print_table(_STREAMS, [_stream(name, found[name]) for name in ("writes", "alerts", "events")])
    print()
    print_table(_TASKS, [_task(one) for one in found["tasks"]])


def _stream(name: str, stream: dict[str, Any]) -> tuple[str, ...]:
    ends = (_time(stream[end]["time"]) for end in ("first", "last"))
    return name, *ends, str(stream["messages"]), str(stream["bytes"])


def _task(task: dict[str, Any]) -> tuple[str, ...]:
    ends = (_time(task[end]["time"]) for end in ("oldest", "newest"))
    return task["id"], *ends, *(str(task[key]) for key in ("runs", "states", "bytes"))


def _print_states(points: list[dict[str, Any]]) -> None:
    if any(point.get("part") is not None for point in points):
        print_table((*_STATES, _PART), [(*_state(point), _part(point)) for point in points])
    else:
        print_table(_STATES, [_state(point) for point in points])


def _part(point: dict[str, Any]) -> str:
    return " -" if point.get("part") is None else f" {point['part']} of {point['parts']}"


def _state(point: dict[str, Any]) -> tuple[str, ...]:
    numbers = (str(point[key]) for key in ("position", "until", "enabled", "bytes"))
    return _time(point["time"]), *numbers, f" {point['why']}"


def _time(text: str | None) -> str:
    """To the second: what is finer tells nobody anything here."""
    return "-" if text is None else text.partition(".")[0].removesuffix("Z") + "Z"
