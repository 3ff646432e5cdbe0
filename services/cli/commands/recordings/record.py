"""``tickbus record``: record a stream, a batch task's queries, or a query."""

from __future__ import annotations

from typing import Any

import click

from services.cli.go_flags import Group
from services.cli.output.printing import as_json
from services.cli.server.connecting import asks_server
from services.cli.server.recording_options import cluster_option, query_option, span_options, task_option
from services.cli.server.times import duration_option, in_future, span_of, time_option
from services.cli.server.waiting import finish, no_wait_option
from tickbus.client import Client

_id = click.option("--recording-id", "id", metavar="ID", help="The recording's id; without, one is chosen.")


@click.group(cls=Group)
def command() -> None:
    """Record a stream, a batch task's queries, or a query, and print the recording's id once it is made."""


@command.command("stream")
@task_option
@duration_option("--duration", "For how long; until now without, if it begins in the past.")
@time_option("--start", text="From what was written then on, instead of from now on.")
@duration_option("--past", "The same, so long ago.")
@_id
@no_wait_option
@as_json
@asks_server
def stream(
    client: Client,
    task: str,
    duration: int | None,
    start: int | None,
    past: int | None,
    id: str | None,
    no_wait: bool,
    json: bool,
) -> int:
    """Record what a task's databases are written from now on, or what they were written before.

    What is written from now on is waited for 15 s after the end as well, for what is sent late, unless a point of a
    later time comes before.

    \b
    tickbus record stream -task cpu -duration 1m
    tickbus record stream -task cpu -past 1h
    tickbus record stream -task cpu -start 2015-09-01T00:00:00Z -duration 10m
    """
    if start is None and past is None:
        if duration is None:
            raise click.UsageError("missing option '--duration'")
        asked = {"stop": in_future(duration)}
    else:
        asked = span_of(start, past, duration)
    return _record(client, "stream", {"id": id, "task": task, **asked}, no_wait, json)


@command.command("batch")
@task_option
@span_options
@_id
@no_wait_option
@as_json
@asks_server
def batch(client: Client, task: str, span: dict[str, str], id: str | None, no_wait: bool, json: bool) -> int:
    """Record what the queries of a batch task give, at the times that the task has for them.

    \b
    tickbus record batch -task cpu -past 10h
    tickbus record batch -task cpu -start 2015-09-01T00:00:00Z -stop 2015-09-02T00:00:00Z
    """
    return _record(client, "batch", {"id": id, "task": task, **span}, no_wait, json)


@command.command("query")
@query_option
@click.option("--type", "type_", required=True, type=click.Choice(["stream", "batch"]), help="What it is recorded as.")
@cluster_option
@_id
@no_wait_option
@as_json
@asks_server
def query(
    client: Client, query: str, type_: str, cluster: str | None, id: str | None, no_wait: bool, json: bool
) -> int:
    """Record what a query gives.

    \b
    tickbus record query -type batch -query 'SELECT v FROM telegraf.autogen.cpu WHERE time > now() - 1h'
    """
    asked = {"id": id, "query": query, "type": type_, "cluster": cluster}
    return _record(client, "query", asked, no_wait, json)


def _record(client: Client, what: str, asked: dict[str, Any], no_wait: bool, json: bool) -> int:
    body = {key: value for key, value in asked.items() if value}
    recording = client.request("POST", f"/recordings/{what}", body=body)
    return finish(client, "recording", recording, no_wait, json)
