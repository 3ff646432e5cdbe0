"""``tickbus show-topic``: a topic with its events."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from services.cli.go_flags import Command
from services.cli.output.go_texts import moment
from services.cli.output.printing import as_json, print_field, print_heading, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, handlers_path, path_of
from tickbus.client import Client

_COLUMNS = (
    Column("Event", 5, fits=True),
    Column("Level", 9, marked=True),
    Column("Message", 7, fits=True),
    Column("Date", 23),
)


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("topics"))
@as_json
@asks_server
def command(client: Client, id: str, json: bool) -> None:
    """Show a topic: its level, its handlers, and the last event of each id, the oldest first."""
    topic = client.request("GET", path_of("alerts/topics", id))
    events = client.request("GET", f"{path_of('alerts/topics', id)}/events", {"min-level": "OK"})["events"]
    handlers = client.request("GET", handlers_path(id))["handlers"]
    events.sort(key=lambda event: datetime.fromisoformat(event["state"]["time"]))
    if json:
        print_json({**topic, "events": events, "handlers": handlers})
        return
    print_field("ID", topic["id"])
    print_field("Level", topic["level"])
    print_field("Collected", str(topic["collected"]))
    print_field("Handlers", f"[{', '.join(one['id'] for one in handlers)}]")
    print_heading("Events")
    print_table(_COLUMNS, [_row(event) for event in events])


def _row(event: dict[str, Any]) -> tuple[str, ...]:
    state = event["state"]
    return event["id"], state["level"], state["message"], moment(state["time"], local=True)
