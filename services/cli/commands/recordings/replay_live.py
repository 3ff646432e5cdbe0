"""``tickbus replay-live``: replay queries to a task without a recording."""

from __future__ import annotations

from typing import Any

import click

from services.cli.go_flags import Group
from services.cli.output.printing import as_json
from services.cli.server.connecting import asks_server
from services.cli.server.recording_options import (
    cluster_option,
    query_option,
    replay_options,
    span_options,
    task_option,
)
from services.cli.server.waiting import finish, no_wait_option
from tickbus.client import Client


@click.group(cls=Group)
def command() -> None:
    """Replay queries to an instance of a task without a recording, and print the replay's id once it has ended."""


@command.command("batch")
@task_option
@span_options
@replay_options
@no_wait_option
@as_json
@asks_server
def batch(client: Client, task: str, span: dict[str, str], replay: dict[str, Any], no_wait: bool, json: bool) -> int:
    """Replay what the queries of a batch task give, at the times that the task has for them.

    \b
    tickbus replay-live batch -task cpu -past 10h
    """
    asked = {"task": task, **span, **replay}
    return finish(client, "replay", client.request("POST", "/replays/batch", body=asked), no_wait, json)


@command.command("query")
@task_option
@query_option
@cluster_option
@replay_options
@no_wait_option
@as_json
@asks_server
def query(
    client: Client,
    task: str,
    query: str,
    cluster: str | None,
    replay: dict[str, Any],
    no_wait: bool,
    json: bool,
) -> int:
    """Replay what a query gives.

    \b
    tickbus replay-live query -task cpu -rec-time -query 'SELECT v FROM telegraf.autogen.cpu WHERE time > now() - 1h'
    """
    asked = {"task": task, "query": query, **replay, **({"cluster": cluster} if cluster else {})}
    return finish(client, "replay", client.request("POST", "/replays/query", body=asked), no_wait, json)
