"""Waiting for a recording or a replay to end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from services.cli.errors import CommandFailed
from services.cli.output.printing import note, print_json
from services.cli.server.connecting import linked
from tickbus.client import Client

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5


def finish(client: Client, kind: str, view: dict[str, Any], no_wait: bool, json: bool) -> int:
    """Wait until a recording or a replay has ended, unless told otherwise, and print its id, or it as JSON.

    Raises CommandFailed where it failed.
    """
    if not no_wait:
        try:
            view = _ended(client, kind, view)
        except KeyboardInterrupt:
            note(f"{kind} {view['id']} goes on: `tickbus list {kind}s {view['id']}` shows how far it is")
            raise
    if json:
        print_json(view)
    else:
        print(view["id"])
    if view["status"] == "failed":
        sys.stdout.flush()
        raise CommandFailed(view["error"] or f"{kind} failed: unknown reason")
    return 0


def _ended(client: Client, kind: str, view: dict[str, Any]) -> dict[str, Any]:
    pause = _FIRST_PAUSE
    with progress(f"{kind} {view['id']}", 1.0) as show:
        while view["status"] == "running":
            show(float(view.get("progress") or 0.0))
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            view = client.request("GET", linked(view))
        show(float(view.get("progress") or 0.0))
    return view


@contextmanager
def progress(what: str, total: float | None, *, of_bytes: bool = False) -> Iterator[Callable[[float], None]]:
    """A bar on standard error, where that is a terminal; gives what says how far it is.

    total: how far it goes, None where nobody knows.
    """
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console  # only where there is a terminal
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    amount = DownloadColumn() if of_bytes else TaskProgressColumn()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), amount, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def steps() -> Iterator[Callable[[str, int, int | None], None]]:
    """The same for work of several kinds, one after the other, that prints lines meanwhile; gives what says how many of
    a kind are done, and of how many, None: nobody knows. Only where both outputs are a terminal."""
    if not (sys.stderr.isatty() and sys.stdout.isatty()):
        yield lambda what, done, of: None
        return
    from rich.console import Console  # only where there is a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of)


def no_wait_option(function: Any) -> Any:
    """A decorator: the command has the option --no-wait."""
    return click.option("--no-wait", is_flag=True, help="Print the id at once.")(function)
