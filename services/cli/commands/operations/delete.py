"""``tickbus delete``: delete what a server keeps of a kind."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, handler_path, linked, path_of
from services.cli.server.lists import PAGED, View, change_each, each, handlers_of
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("kind", type=click.Choice([*PAGED, "topics", "topic-handlers"]), metavar="KIND")
@click.argument("patterns", nargs=-1, required=True, shell_complete=ids("any"))
@asks_server
def command(client: Client, kind: str, patterns: tuple[str, ...]) -> None:
    """Delete tasks, templates, recordings, replays, traces, backtests, topics or topic-handlers.

    PATTERNS are ids or patterns of those that have to go. Before those of handlers stands their topic:

    \b
    tickbus delete tasks 'cpu_*'
    tickbus delete topic-handlers system slack
    """

    def delete(one: View) -> None:
        # links have names with slashes or percent signs in them in more than one way
        path = path_of("alerts/topics", one["id"]) if kind == "topics" else linked(one)
        client.request("DELETE", path)

    def delete_handler(one: View) -> None:
        client.request("DELETE", handler_path(topic, one["id"]))

    if kind != "topic-handlers":
        change_each(client, kind, patterns, delete)
        return
    topic, *of_handlers = patterns
    if not of_handlers:
        raise click.UsageError(f"which handlers of the topic {topic}? '*' is all of them")
    for pattern in of_handlers:
        each(list(handlers_of(client, topic, [pattern])), delete_handler, f"no handlers of {topic} match {pattern}")
