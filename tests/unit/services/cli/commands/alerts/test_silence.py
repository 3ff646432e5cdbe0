"""Silences on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.services.cli.commands.conftest import Tickbus

AHEAD = "2099-01-01T00:00:00Z"


def of_alertmanager(id: str, end: str = AHEAD, **matcher: Any) -> dict[str, Any]:
    return {
        "id": id,
        "matchers": [{"name": "alertname", "value": "web", "isRegex": False, **matcher}],
        "startsAt": "2024-01-01T00:00:00.000Z",
        "endsAt": end,
        "createdBy": "ops",
        "comment": "moving",
        "status": {"state": "active"},
    }


async def listed(tickbus: Tickbus, *options: str) -> dict[str, Any]:
    code, out, _ = await tickbus("silence", "list", "--json", *options)
    assert code == 0
    return {one["id"]: one for one in json.loads(out)}


async def test_added_listed_and_ended(tickbus: Tickbus) -> None:
    code, out, said = await tickbus(
        "silence", "add", "host=~web.*", "level!=INFO", "--duration", "2h", "--comment", "move"
    )
    assert (code, said) == (0, "")
    id = out.strip()
    assert (await listed(tickbus))[id]["comment"] == "move"
    code, out, _ = await tickbus("silence", "list")
    row = next(line for line in out.splitlines() if line.startswith(id))
    assert "active" in row and "host=~web.* level!=INFO" in row and row.rstrip().endswith("move")
    assert await tickbus("silence", "expire", id) == (0, "", "")
    assert id not in await listed(tickbus)
    assert (await listed(tickbus, "--all"))[id]["status"] == "expired"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("add", "host=a"), "give -duration or -end"),
        (("add", "host=a", "--duration", "1h", "--end", AHEAD), "give -duration or -end"),
        (("add", "host", "--duration", "1h"), "matchers.0: no matcher: 'host'"),
        (("add", "host=a", "--duration", "1x"), "duration: must be a duration"),
        (("expire", "none"), 'no silence exists with the id "none"'),
        (("import", "none.json"), "none.json: No such file"),
    ],
)
async def test_what_cannot_be_done(tickbus: Tickbus, arguments: tuple[str, ...], error: str) -> None:
    code, out, said = await tickbus("silence", *arguments)
    assert code != 0 and not out and error in said


async def test_taken_over_from_alertmanager(tickbus: Tickbus, tmp_path: Path) -> None:
    known = [
        of_alertmanager("moved"),
        of_alertmanager("over", "2024-02-01T00:00:00Z"),
        of_alertmanager("not-web", name="host", value="|web", isRegex=True, isEqual=False),
    ]
    Path("silences.json").write_text(json.dumps(known), "utf-8")
    assert await tickbus("silence", "import", "silences.json") == (0, "", "2 silences taken over, 1 passed over\n")
    found = await listed(tickbus)
    assert found["moved"]["matchers"] == [{"name": "id", "value": "web", "is-regex": False, "is-equal": True}]
    assert found["not-web"]["matchers"] == [{"name": "host", "value": "|web", "is-regex": True, "is-equal": False}]
    assert (found["moved"]["end"], found["moved"]["created-by"]) == (AHEAD, "ops")
    assert await tickbus("silence", "import", "silences.json") == (0, "", "0 silences taken over, 3 passed over\n")


@pytest.mark.parametrize(
    ("text", "error"),
    [("{", "is no JSON"), ("{}", "is no list"), ("[{}]", "number 1 is no silence"), ("[3]", "number 1 is no silence")],
)
async def test_what_is_no_file_of_alertmanager(tickbus: Tickbus, text: str, error: str) -> None:
    Path("silences.json").write_text(text, "utf-8")
    code, _, said = await tickbus("silence", "import", "silences.json")
    assert code == 1 and error in said
