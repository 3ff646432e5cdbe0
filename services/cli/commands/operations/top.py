"""``tickbus top``: the tasks by what they do and take, live."""

from __future__ import annotations

import time

import click

from services.cli.go_flags import Command
from services.cli.output.printing import as_json, in_colour, on_terminal, print_json
from services.cli.output.tables import print_table
from services.cli.output.task_rates import COLUMNS, live_table
from services.cli.server.connecting import asks_server
from services.cli.server.task_rates import SORTS, Rate, Sample, rates, sample
from services.cli.server.times import duration_option
from tickbus.client import Client

_INTERVAL = 2 * 10**9


@click.command(cls=Command)
@duration_option("--interval", "Between two looks.  [default: 2s]")
@click.option("--once", is_flag=True, help="Print one table, of one interval, and end.")
@click.option(
    "--sort", "by", type=click.Choice(list(SORTS)), default="points", show_default=True, help="Which stand first."
)
@as_json
@asks_server
def command(client: Client, interval: int | None, once: bool, by: str, json: bool) -> None:
    """Show the tasks that run by what they do: points a second, share of a processor, errors, groups, lag.

    Of each task: points that came into it in a second; the share of a processor's time that its nodes took; errors in a
    second; groups, of the node that has most; messages of the log of writes that its worker has not taken yet.

    On a terminal it is shown anew after each interval until Ctrl-C. A program gets one table.
    """
    seconds = (_INTERVAL if interval is None else interval) / 1e9
    if seconds < 0.1:
        raise click.UsageError("--interval must be at least 100ms")
    before = sample(client)
    if once or json or not on_terminal():
        found, _ = _after(client, before, seconds, by)
        if json:
            print_json([one.plain() for one in found])
        else:
            print_table(COLUMNS, [one.cells() for one in found])
        return
    _follow(client, before, seconds, by)


def _follow(client: Client, before: Sample, seconds: float, by: str) -> None:
    from rich.console import Console  # only where there is a terminal
    from rich.live import Live

    console = Console(no_color=not in_colour(), highlight=False)
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            live.update(live_table(rates(before, before, by), console.height), refresh=True)
            while True:
                found, before = _after(client, before, seconds, by)
                live.update(live_table(found, console.height), refresh=True)
    except KeyboardInterrupt:
        return


def _after(client: Client, before: Sample, seconds: float, by: str) -> tuple[list[Rate], Sample]:
    time.sleep(seconds)
    now = sample(client)
    return rates(before, now, by), now
