"""``tickbus alerts``: what has become of alerts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from grammar.golang.durations import format_go_duration
from schemas.requests.alerting import LEVELS
from services.cli.errors import MistakenCall
from services.cli.go_flags import Command, Group
from services.cli.output.go_texts import moment
from services.cli.output.printing import as_json, note, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.connecting import asks_server, path_of
from services.gateway.queries.transitions.as_csv import report_csv, transitions_csv
from tickbus.client import Client

_COLUMNS = (
    Column("Time", 23),
    Column("Topic", 5, fits=True),
    Column("Event", 5, fits=True),
    Column("Level", 9, marked=True),
    Column("From", 9),
    Column("Message", 7, fits=True),
)
_REPORT = (
    Column("Of", 2, fits=True),
    Column("Alerts", 7),
    *(Column(level, 9) for level in LEVELS),
    *(Column(f"Time {level}", 15, fits=True) for level in LEVELS[1:]),
    Column("Not sent", 8),
)
_COMMENTS = (Column("Time", 23), Column("By", 2, fits=True), Column("Comment", 7, fits=True))
_DELIVERIES = (
    Column("At", 23),
    Column("Handler", 7, fits=True),
    Column("Kind", 4, fits=True),
    Column("Level", 9, marked=True),
    Column("Outcome", 9),
    Column("Attempts", 9),
    Column("Took", 9),
    Column("Error", 5, fits=True),
)
_PAGE = 1000


@click.group(cls=Group)
def command() -> None:
    """Show what has become of alerts, and say something of them."""


@command.command("history", cls=Command)
@click.argument("matchers", nargs=-1)
@click.option("--from", "from_", metavar="TIME", help="Stored then or later, as 2026-01-02T03:04:05Z.")
@click.option("--to", metavar="TIME", help="Stored then or before.")
@click.option("--limit", default=100, show_default=True, help="At most so many, the latest; -1: all.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, with a header.")
@as_json
@asks_server
def history(
    client: Client, matchers: tuple[str, ...], from_: str | None, to: str | None, limit: int, as_csv: bool, json: bool
) -> None:
    """Show changes of alerts' levels, the latest first.

    MATCHERS say which: topic=cpu, id=~web.*, task=…, level=CRITICAL, name=… (the measurement), or a tag, with =, !=, =~
    and !~; all must fit.
    """
    if as_csv and json:
        raise MistakenCall("tickbus alerts history: give -csv or -json")
    asked = {"match": list(matchers), "from": from_, "to": to}
    found = list(_pages(client, {key: value for key, value in asked.items() if value}, limit))
    if json:
        print_json(found)
    elif as_csv:
        print(transitions_csv(found), end="")
    else:
        print_table(_COLUMNS, [_row(one) for one in found])


@command.command("report", cls=Command)
@click.argument("matchers", nargs=-1)
@click.option("--since", metavar="TIME", help="As 2026-01-02T03:04:05Z; left out, a day before the end.")
@click.option("--until", metavar="TIME", help="The same; left out, now.")
@click.option("--by", default="topic", show_default=True, help="topic, id, task, name (the measurement) or tag:NAME.")
@click.option("--limit", default=1000, show_default=True, help="At most so many rows.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, with a header; times in seconds.")
@as_json
@asks_server
def report(client: Client, matchers: tuple[str, ...], as_csv: bool, json: bool, **given: Any) -> None:
    """Show how often alerts changed their level, and for how long they were not OK.

    MATCHERS are those of `tickbus alerts history`.
    """
    if as_csv and json:
        raise MistakenCall("tickbus alerts report: give -csv or -json")
    asked = {"match": list(matchers), **{key: str(value) for key, value in given.items() if value}}
    found = client.request("GET", "/alerts/report", asked)
    if json:
        print_json(found)
    elif as_csv:
        print(report_csv(found["rows"]), end="")
    else:
        print_table(_REPORT, [_report_row(one) for one in found["rows"]])
    if found["left"]:
        note(f"{found['left']} more are left out: see -limit")


@command.command("comment", cls=Command)
@click.argument("topic")
@click.argument("event")
@click.argument("text")
@click.option("--author", default="", help="Who; left out, the user of the URL.")
@asks_server
def comment(client: Client, topic: str, event: str, text: str, author: str) -> None:
    """Say something of an alert."""
    path = path_of("alerts", "topics", topic, "events", event, "comments")
    client.request("POST", path, body={"text": text, "by": author})


@command.command("comments", cls=Command)
@click.argument("topic")
@click.argument("event")
@as_json
@asks_server
def comments(client: Client, topic: str, event: str, json: bool) -> None:
    """Show what was said of an alert, oldest first."""
    found = client.request("GET", path_of("alerts", "topics", topic, "events", event, "comments"))["comments"]
    if json:
        print_json(found)
    else:
        print_table(_COMMENTS, [(moment(one["time"], local=True), one["by"], one["text"]) for one in found])


@command.command("deliveries", cls=Command)
@click.argument("topic")
@click.argument("event")
@as_json
@asks_server
def deliveries(client: Client, topic: str, event: str, json: bool) -> None:
    """Show what handlers did with the events of an alert, newest first."""
    found = client.request("GET", path_of("alerts", "topics", topic, "events", event, "deliveries"))["deliveries"]
    if json:
        print_json(found)
    else:
        print_table(_DELIVERIES, list(map(_delivery_row, found)))


@command.command("flapping", cls=Command)
@click.argument("topic")
@click.option("--window", metavar="D", help="Within which changes are counted, as 10m.")
@click.option("--low", type=float, default=0.25, show_default=True, help="The share below which an alert is steady.")
@click.option("--high", type=float, default=0.5, show_default=True, help="The share above which it flaps.")
@click.option("--off", is_flag=True, help="No alert of the topic flaps, whatever it does.")
@as_json
@asks_server
def flapping(client: Client, topic: str, window: str | None, low: float, high: float, off: bool, json: bool) -> None:
    """Say when alerts of a topic flap; without -window and -off, show it.

    Handlers are told that an alert flaps, and that it is steady again, and of nothing between.
    """
    if off and window:
        raise MistakenCall("tickbus alerts flapping: give -window or -off")
    path = path_of("alerts", "topics", topic)
    if off or window:
        said = None if off else {"window": window, "low": low, "high": high}
        shown = client.request("PATCH", path, body={"flapping": said})
    else:
        shown = client.request("GET", path)
    if json:
        print_json(shown.get("flapping"))
    elif not off and not window:
        it = shown.get("flapping")
        print("none" if it is None else f"window {it['window']}, low {it['low']:g}, high {it['high']:g}")


def _pages(client: Client, asked: dict[str, Any], limit: int) -> Iterator[dict[str, Any]]:
    left, after = limit, ""
    while left:
        size = _PAGE if left < 0 else min(left, _PAGE)
        page = client.request("GET", "/alerts/history", {**asked, "limit": str(size), "after": after})
        yield from page["transitions"]
        left -= len(page["transitions"]) if left > 0 else 0
        after = page["next"]
        if not after:
            return


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    time = moment(one["stored"], local=True)
    return time, one["topic"], one["id"], one["level"], one["previousLevel"], one["message"]


def _delivery_row(one: dict[str, Any]) -> tuple[str, ...]:
    at, took = moment(one["at"], local=True), format_go_duration(one["took"])
    return at, one["handler"], one["kind"], one["level"], one["outcome"], str(one["attempts"]), took, one["error"]


def _report_row(one: dict[str, Any]) -> tuple[str, ...]:
    of = f"{one['topic']}/{one['of']}" if "topic" in one else one["of"]
    changes = (str(one["changes"][level]) for level in LEVELS)
    return of, str(one["alerts"]), *changes, *(one["time"][level] for level in LEVELS[1:]), str(one["held"])
