"""``tickbus dead-letters``: what was set aside because it could not be used, and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from grammar.golang.times import format_rfc3339
from services.bus.buckets.dead_letters import DeadLetter
from services.bus.connection import Bus
from services.cli.bus_command import asks_bus
from services.cli.errors import CommandFailed
from services.cli.go_flags import Group
from services.cli.output.printing import as_json, json_text, without_control
from services.cli.output.tables import aligned

_WIDEST = 100
_asks_bus = asks_bus("dead-letters")


@click.group(cls=Group)
def command() -> None:
    """List, show and drop messages that were set aside because they could not be used."""


@command.command("list")
@_asks_bus
@as_json
async def list_(bus: Bus, json: bool) -> str:
    """List them, with where they were and why they were set aside."""
    found = await bus.dead_letters.all()
    return json_text(list(map(_fields, found))) if json else _listed(found)


@command.command("show")
@_asks_bus
@click.argument("number", type=int)
@as_json
async def show(bus: Bus, number: int, json: bool) -> str:
    """Print all about one, and what is kept of it; NUMBER is as `list` shows it."""
    found = await bus.dead_letters.get(number)
    if found is None:
        raise CommandFailed(f"there is no dead letter {number}")
    return json_text(_fields(found)) if json else _view(found)


@command.command("drop")
@_asks_bus
@click.argument("number", type=int, required=False)
async def drop(bus: Bus, number: int | None) -> str:
    """Forget one, or without a number all."""
    dropped = await bus.dead_letters.drop(number)
    if number is not None and not dropped:
        raise CommandFailed(f"there is no dead letter {number}")
    return f"{dropped} dropped"


def _fields(dead_letter: DeadLetter) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(dead_letter).items() if name not in ("time_ns", "data")}
    return {**fields, "time": format_rfc3339(dead_letter.time_ns), "data": _text(dead_letter)}


def _listed(dead_letters: list[DeadLetter]) -> str:
    rows = [("NUMBER", "WHEN", "BY", "MESSAGE", "BYTES", "WHY")]
    for one in dead_letters:
        place = f"{one.stream} {one.seq}" if one.seq else one.subject
        rows.append((str(one.number), _when(one), one.by, place[:_WIDEST], str(one.size), one.why[:_WIDEST]))
    return aligned([[_line(cell) for cell in row] for row in rows])


def _view(dead_letter: DeadLetter) -> str:
    lines = [
        f"number: {dead_letter.number}",
        f"when: {_when(dead_letter)}",
        f"by: {dead_letter.by}",
        f"stream: {dead_letter.stream}",
        f"sequence: {dead_letter.seq or '-'}",
        f"subject: {dead_letter.subject}",
        f"why: {dead_letter.why}",
        *(f"header {key}: {value}" for key, value in dead_letter.headers.items()),
        f"bytes: {dead_letter.size}"
        + (f", of which {len(dead_letter.data)} are kept" if dead_letter.size > len(dead_letter.data) else ""),
    ]
    head = "\n".join(map(_line, lines))
    return f"{head}\n\n{without_control(_text(dead_letter))}"


def _line(text: str) -> str:
    return without_control(text).replace("\n", " ")


def _text(dead_letter: DeadLetter) -> str:
    return dead_letter.data.decode("utf-8", "backslashreplace")


def _when(dead_letter: DeadLetter) -> str:
    return format_rfc3339(dead_letter.time_ns // 10**9 * 10**9)
