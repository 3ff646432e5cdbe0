"""Mutes on the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.services.cli.commands.conftest import Tickbus


async def listed(tickbus: Tickbus) -> dict[str, Any]:
    code, out, _ = await tickbus("mute", "list", "--json")
    assert code == 0
    return {one["id"]: one for one in json.loads(out)}


async def test_added_listed_and_deleted(tickbus: Tickbus) -> None:
    night = ("--times", "22:00-24:00", "--times", "00:00-06:00", "--location", "Europe/Berlin")
    code, out, said = await tickbus("mute", "add", "topic=cpu", *night, "--handler", "slack", "--comment", "night")
    assert (code, said) == (0, "")
    id = out.strip()
    one = (await listed(tickbus))[id]
    assert one["intervals"] == [{"times": ["22:00-24:00", "00:00-06:00"], "location": "Europe/Berlin"}]
    assert await tickbus("mute", "add", "host=a", "--weekdays", "sunday:saturday", "--days", "1:31", "--id", "m") == (
        0,
        "m\n",
        "",
    )
    _, out, _ = await tickbus("mute", "list")
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines()}
    assert rows["m"] == "active host=a all sunday:saturday 1:31 UTC"
    assert "topic=cpu slack 22:00-24:00,00:00-06:00 Europe/Berlin night" in rows[id]
    assert await tickbus("mute", "delete", id, "m") == (0, "", "")
    assert await listed(tickbus) == {}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("add", "host=a"), "intervals.0: it says nothing of when"),
        (("add", "--times", "01:00-02:00"), "matchers: at least one is needed, or handlers"),
        (("add", "host=a", "--times", "22:00-06:00"), "over midnight give 22:00-24:00 and 00:00-06:00"),
        (("delete", "none"), 'no mute exists with the id "none"'),
    ],
)
async def test_what_cannot_be_done(tickbus: Tickbus, arguments: tuple[str, ...], error: str) -> None:
    code, out, said = await tickbus("mute", *arguments)
    assert code != 0 and not out and error in said
