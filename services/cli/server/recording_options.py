"""Options of commands that record and replay: each stated once, with what several of them come to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from services.cli.server.completing import ids
from services.cli.server.times import duration_option, span, time_option

task_option = click.option("--task", required=True, metavar="ID", help="The task.", shell_complete=ids("tasks"))
query_option = click.option("--query", required=True, metavar="SELECT", help="The query.")
cluster_option = click.option(
    "--cluster", metavar="NAME", help="The InfluxDB of the configuration; the default one without."
)


def span_options(function: Callable[..., int]) -> Callable[..., int]:
    """A decorator: the command has --start, --stop and --past, and its function is called with what they come to, as
    `span`."""

    @functools.wraps(function)
    def command(start: int | None, stop: int | None, past: int | None, **parameters: Any) -> int:
        return function(span=span(start, stop, past), **parameters)

    return _with(
        command,
        time_option("--start", text="From when on."),
        time_option("--stop", text="Until when; now without."),
        duration_option("--past", "From so long before the end on."),
    )


def replay_options(function: Callable[..., int]) -> Callable[..., int]:
    """A decorator: the command has the options of a replay (--real-clock, --rec-time, --no-side-effects, --replay-id),
    and its function is called with what they come to, as `replay`."""

    @functools.wraps(function)
    def command(real_clock: bool, rec_time: bool, no_side_effects: bool, id: str | None, **parameters: Any) -> int:
        replay: dict[str, Any] = {"recording-time": rec_time, "clock": "real" if real_clock else "fast"}
        replay |= {"side-effects": False} if no_side_effects else {}
        replay |= {"id": id} if id else {}
        return function(replay=replay, **parameters)

    return _with(
        command,
        click.option("--real-clock", is_flag=True, help="As fast as it was, instead of as fast as it goes."),
        click.option("--rec-time", is_flag=True, help="At the times of the recording, instead of from now on."),
        click.option(
            "--no-side-effects",
            is_flag=True,
            help="Nothing is sent or done outside; `tickbus replay-effects` prints what would have been.",
        ),
        click.option("--replay-id", "id", metavar="ID", help="The replay's id; without, one is chosen."),
    )


def _with(function: Callable[..., int], *options: Callable[[Any], Any]) -> Callable[..., int]:
    return functools.reduce(lambda inner, option: option(inner), reversed(options), function)
