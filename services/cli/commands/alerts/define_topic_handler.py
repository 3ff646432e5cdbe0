"""``tickbus define-topic-handler``: create or update a handler of a topic."""

from __future__ import annotations

from pathlib import Path

import click

from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.server.connecting import asks_server, handler_path, handlers_path
from services.cli.server.documents import document
from services.cli.server.lists import find
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@asks_server
def command(client: Client, file: Path) -> None:
    """Create or update a handler of a topic.

    FILE is YAML or JSON with `topic`, `id`, `kind`, and `options` and `match` if you like.
    """
    handler = document(file, "a handler")
    for key in ("topic", "id", "kind"):
        value = handler.get(key)
        if isinstance(value, bool):
            raise CommandFailed(f"{file}: {key} is read as a truth value and must be text: put it in quotes")
        if not value:
            raise CommandFailed(f"{file} lacks {key}: a handler has a topic, an id and a kind")
    topic = str(handler["topic"])
    path = handler_path(topic, str(handler["id"]))
    if find(client, path) is None:
        client.request("POST", handlers_path(topic), body=handler)
    else:
        client.request("PUT", path, body=handler)
