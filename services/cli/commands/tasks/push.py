"""``tickbus push``: define tasks of this server on another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.output.printing import note
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, connected, failure, path_of, skips_verifying
from services.cli.server.lists import find, matching
from tickbus.client import Client
from tickbus.errors import TickbusError

_TEMPLATE = ("script", "type")
_TASK = ("script", "type", "dbrps", "vars")
_TASK_OF_TEMPLATE = ("template-id", "dbrps", "vars")


@click.command(cls=Command)
@click.argument("tasks", nargs=-1, required=True, shell_complete=ids("tasks"))
@click.option("--to", required=True, metavar="URL", help="The other server, a tickbus or a Kapacitor.")
@asks_server
def command(client: Client, tasks: tuple[str, ...], to: str) -> None:
    """Define tasks of this server, and the templates that they are made of, on another one.

    TASKS are ids, or patterns. Tasks that are new there are disabled there, others stay as they are, enabled or not.
    """
    templates: set[str] = set()  # that are there by now: a change has every task made of one reloaded
    with connected(to, skips_verifying(click.get_current_context())) as other:
        for id in _ids(client, tasks):
            task = client.request("GET", path_of("tasks", id), {"script-format": "raw"})
            template = task.get("template-id")
            if template and template not in templates:
                templates.add(template)
                theirs = client.request("GET", path_of("templates", template), {"script-format": "raw"})
                _put(other, to, "templates", template, _chosen(theirs, _TEMPLATE))
            _put(other, to, "tasks", id, _chosen(task, _TASK_OF_TEMPLATE if template else _TASK))


def _ids(client: Client, patterns: Sequence[str]) -> Iterator[str]:
    """Those of the tasks that fit; of a pattern that none fits it is said."""
    for pattern in patterns:
        found = [one["id"] for one in matching(client, "tasks", [pattern], ["link"])]
        if not found:
            note(f"no tasks match {pattern}")
        yield from found


def _chosen(view: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: view[key] for key in keys if view.get(key)}


def _put(other: Client, address: str, kind: str, id: str, body: dict[str, Any]) -> None:
    """Create it, or change it where it is there."""
    try:
        if find(other, path_of(kind, id)) is None:
            other.request("POST", f"/{kind}", body={"id": id, **body})
        else:
            other.request("PATCH", path_of(kind, id), body=body)
    except TickbusError as error:
        why = failure(error, address, "--to").message
        raise CommandFailed(f"{kind.removesuffix('s')} {id}: {why}") from error
