"""Traces and backtests: asked for, waited for, read, and gone again afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import click

from services.cli.errors import CommandFailed
from services.cli.output.printing import note
from services.cli.server.connecting import linked
from services.cli.server.waiting import ended
from tickbus.client import Client
from tickbus.errors import TickbusError

View = dict[str, Any]

_PAGE = 5000  # lines


@contextlib.contextmanager
def carried_out(client: Client, kind: str, body: dict[str, Any], keep: bool) -> Iterator[View]:
    """One that was asked for with this body and has ended, as the API shows it. kind: `trace` or `backtest`.

    It is deleted afterwards, unless it is to be kept and was waited for. Raises CommandFailed where it failed.
    """
    view = client.request("POST", f"/{kind}s", body=body)
    path, waited = linked(view), False
    try:
        view = ended(client, kind, view)
        waited = True
        if view["status"] == "failed":
            raise CommandFailed(view["error"])
        yield view
    finally:
        if keep and waited:
            note(f"{kind} {view['id']} is kept: GET {view['link']['href']}")
        else:
            with contextlib.suppress(TickbusError):
                client.request("DELETE", path)


def results(client: Client, view: View) -> Iterator[dict[str, Any]]:
    """The lines that it has found, in their order."""
    path, offset = f"{linked(view)}/results", 0
    while True:
        page = client.request("GET", path, {"offset": str(offset), "limit": str(_PAGE)})
        yield from page["results"]
        offset = page["next"]
        if not page["results"] or offset >= page["count"]:
            return


def keep_option(function: Any) -> Any:
    """A decorator: the command has the option --keep."""
    return click.option("--keep", is_flag=True, help="Leave it on the server, with its results.")(function)
