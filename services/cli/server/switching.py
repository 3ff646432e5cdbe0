"""Switching tasks on and off."""

from __future__ import annotations

from collections.abc import Sequence

from services.cli.errors import CommandFailed
from services.cli.server.connecting import linked
from services.cli.server.lists import View, change_each
from tickbus.client import Client
from tickbus.errors import Refused

_DOING = {"enabled": "enabling", "disabled": "disabling"}


def switch(client: Client, patterns: Sequence[str], *statuses: str) -> None:
    """Give all tasks that fit the patterns one status after the other. Raises CommandFailed for the first that the
    server refuses."""

    def change(task: View) -> None:
        for status in statuses:
            try:
                client.request("PATCH", linked(task), body={"status": status})
            except Refused as error:
                raise CommandFailed(f"{_DOING[status]} task {task['id']}: {error}") from error

    change_each(client, "tasks", patterns, change)
