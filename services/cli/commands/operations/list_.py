"""``tickbus list``: what a server keeps of a kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import click

from services.cli.go_flags import Command
from services.cli.output.go_texts import databases, moment, size, yes_or_no
from services.cli.output.printing import as_json, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server
from services.cli.server.lists import View, handlers, matching
from tickbus.client import Client


@dataclass(frozen=True, slots=True)
class Listing:
    """How a kind is listed. fields: what is asked for. row: one's cells. by_id: whether they are sorted here."""

    columns: tuple[Column, ...]
    row: Callable[[View], tuple[str, ...]]
    fields: tuple[str, ...] = ()
    by_id: bool = False


_ID = Column("ID", 2, fits=True)
_LOOKS = Listing(
    (
        _ID,
        Column("Task", 4, fits=True),
        Column("Status", 9, marked=True),
        Column("From", 23),
        Column("To", 23),
        Column("Date", 23),
    ),
    lambda one: (
        one["id"],
        one["task"],
        one["status"],
        *(moment(one[when], local=True) for when in ("start", "stop", "date")),
    ),
    ("task", "status", "start", "stop", "date"),
)

LISTINGS = MappingProxyType(
    {
        "tasks": Listing(
            (
                _ID,
                Column("Type", 10),
                Column("Status", 10, marked=True),
                Column("Executing", 10, marked=True),
                Column("Databases and Retention Policies"),
            ),
            lambda one: (one["id"], one["type"], one["status"], yes_or_no(one["executing"]), databases(one["dbrps"])),
            ("type", "status", "executing", "dbrps"),
            by_id=True,
        ),
        "templates": Listing(
            (_ID, Column("Type", 10), Column("Vars", 40)),
            lambda one: (one["id"], one["type"], ",".join(sorted(one["vars"] or {}))),
            ("type", "vars"),
            by_id=True,
        ),
        "recordings": Listing(
            (_ID, Column("Type", 8), Column("Status", 10, marked=True), Column("Size", 10), Column("Date", 23)),
            lambda one: (one["id"], one["type"], one["status"], size(one["size"]), moment(one["date"], local=True)),
            ("type", "size", "date", "status"),
        ),
        "replays": Listing(
            (
                _ID,
                Column("Task", 4, fits=True),
                Column("Recording", 9, fits=True),
                Column("Status", 9, marked=True),
                Column("Clock", 8),
                Column("Date", 23),
            ),
            lambda one: (
                one["id"],
                one["task"],
                one["recording"],
                one["status"],
                one["clock"],
                moment(one["date"], local=True),
            ),
            ("task", "recording", "status", "clock", "date"),
        ),
        "traces": _LOOKS,
        "backtests": _LOOKS,
        "topics": Listing(
            (_ID, Column("Level", 8, fits=True, marked=True), Column("Collected", 10, right=True)),
            lambda one: (one["id"], one["level"], str(one["collected"])),
        ),
        "topic-handlers": Listing(
            (Column("Topic", 10, fits=True), Column("ID", 10, fits=True), Column("Kind", 10, fits=True)),
            lambda one: (one["topic"], one["id"], one["kind"]),
        ),
        "service-tests": Listing((Column("Service Name"),), lambda one: (one["name"],)),
    }
)


@click.command(cls=Command)
@click.argument("kind", type=click.Choice(list(LISTINGS)), metavar="KIND")
@click.argument("patterns", nargs=-1, shell_complete=ids("any"))
@as_json
@asks_server
def command(client: Client, kind: str, patterns: tuple[str, ...], json: bool) -> None:
    """List tasks, templates, recordings, replays, traces, backtests, topics, topic-handlers or service-tests.

    PATTERNS are ids or patterns of those that are wanted; all without. Before those of handlers stands one of topics:

    \b
    tickbus list tasks 'cpu_*'
    tickbus list topic-handlers system 'email*'
    """
    listing = LISTINGS[kind]
    if kind == "topic-handlers":
        topic, *of_handlers = patterns or ("",)
        found = list(handlers(client, topic, of_handlers or [""]))
    else:
        found = list(matching(client, kind, patterns or ("",), () if json else listing.fields))
    if listing.by_id:
        found.sort(key=lambda one: str(one["id"]))
    if json:
        print_json(found)
    else:
        print_table(listing.columns, [listing.row(one) for one in found])
