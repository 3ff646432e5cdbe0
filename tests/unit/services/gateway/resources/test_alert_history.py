"""The resource /alerts/history on a real gateway with a real alerting."""

from __future__ import annotations

import csv
import io
import time
from typing import Any

import httpx
import pytest

from schemas.api.oncall.transition import TransitionListSchema
from services.alerting.service import Alerting
from services.bus.connection import Bus
from services.gateway.queries.transitions.as_csv import KEYS, transitions_csv
from tests.support.alerts import BASE, CRITICAL, INFO, OK, SECOND, WARNING, alerts, send

PATH = "/kapacitor/v1/alerts/history"


@pytest.fixture
async def topic(bus: Bus, alerting: Alerting, request: pytest.FixtureRequest) -> str:
    """A topic of its own with five changes of two alerts, and two events that are none."""
    name = f"history_{request.function.__name__}"
    await send(bus, alerts([("a", WARNING), ("a", WARNING), ("b", OK), ("a", CRITICAL)], 5), 0, name)
    await send(bus, alerts([("b", INFO)], 6, host="b"), 0, name)
    await send(bus, alerts([("a", OK), ("b", OK)], 7), 0, name)
    await alerting.log.caught_up()
    return name


async def page(client: httpx.AsyncClient, *match: str, **parameters: Any) -> Any:
    answer = await client.get(PATH, params={"match": list(match), **parameters})
    assert answer.status_code == 200, answer.text
    assert TransitionListSchema().validate(answer.json()) == {}
    return answer.json()


def told(found: Any) -> list[tuple[str, str, str]]:
    return [(one["id"], one["level"], one["previousLevel"]) for one in found["transitions"]]


async def test_changes_and_nothing_else(gateway: httpx.AsyncClient, topic: str) -> None:
    found = await page(gateway, f"topic={topic}")
    assert told(found) == [
        ("b", "OK", "INFO"),
        ("a", "OK", "CRITICAL"),
        ("b", "INFO", "OK"),
        ("a", "CRITICAL", "WARNING"),
        ("a", "WARNING", "OK"),
    ]
    assert found["next"] == ""
    last = dict(found["transitions"][-1])
    stored = last.pop("stored")
    assert stored[:4] >= "2024"
    assert last == {
        "topic": topic,
        "id": "a",
        "task": "t",
        "name": "cpu",
        "tags": {"host": "a"},
        "level": "WARNING",
        "previousLevel": "OK",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((BASE + 5 * SECOND) // SECOND)),
        "duration": "0s",
        "message": "a is WARNING",
        "silenced": False,
        "muted": False,
        "flapping": False,
    }


async def test_by_matchers_times_and_pages(gateway: httpx.AsyncClient, topic: str) -> None:
    of = f"topic={topic}"
    assert told(await page(gateway, of, "host=b")) == [("b", "INFO", "OK")]
    assert told(await page(gateway, of, "id=a", "level!=OK")) == [("a", "CRITICAL", "WARNING"), ("a", "WARNING", "OK")]
    every = await page(gateway, of)
    first = await page(gateway, of, limit=2)
    then = await page(gateway, of, limit=2, after=first["next"])
    rest = await page(gateway, of, limit=2, after=then["next"])
    assert [one for part in (first, then, rest) for one in part["transitions"]] == every["transitions"]
    assert rest["next"] == ""
    middle = every["transitions"][2]["stored"]
    assert told(await page(gateway, of, to=middle))[0] == ("b", "INFO", "OK")
    assert told(await page(gateway, of, **{"from": middle}))[-1] == ("b", "INFO", "OK")
    assert told(await page(gateway, of, to="2020-01-01T00:00:00Z")) == []


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"match": "topic"}, "invalid match parameter: no matcher: 'topic'"),
        ({"match": "topic=~("}, "invalid match parameter: invalid matcher for topic"),
        ({"from": "yesterday"}, "invalid from parameter: must be a time"),
        ({"limit": 0}, "invalid limit parameter: must be 1 to 1000"),
        ({"limit": "x"}, "limit"),
        ({"after": "1-2"}, "invalid after parameter"),
        ({"after": "-1-2-3"}, "invalid after parameter"),
    ],
)
async def test_what_cannot_be_asked(gateway: httpx.AsyncClient, parameters: dict[str, Any], error: str) -> None:
    answer = await gateway.get(PATH, params=parameters)
    assert answer.status_code == 400 and error in answer.json()["error"]


async def test_as_comma_separated_values(gateway: httpx.AsyncClient, topic: str) -> None:
    whole = await gateway.get(PATH, params={"match": f"topic={topic}"}, headers={"Accept": "text/csv, */*;q=0.1"})
    assert whole.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    rows = list(csv.DictReader(io.StringIO(whole.text)))
    listed = (await page(gateway, f"topic={topic}"))["transitions"]
    untold = dict.fromkeys(("silenced", "muted", "flapping"), False)
    assert [{**row, "tags": dict([row["tags"].split("=")]), **untold} for row in rows] == listed
    parts, link = [], f"{PATH}?match=topic%3D{topic}&limit=2&format=csv"
    while link:
        part = await gateway.get(link)
        parts += list(csv.DictReader(io.StringIO(part.text)))
        link = part.links.get("next", {}).get("url", "")
    assert parts == rows
    assert (await gateway.get(PATH, headers={"Accept": "text/csv, application/json"})).json()["transitions"]
    assert (await gateway.get(PATH, params={"format": "xml"})).status_code == 400


def test_no_value_is_a_formula() -> None:
    one = {"tags": {"b": "1", "a": "2"}, "silenced": True, "id": "=1+1", "message": 'two\nlines, "quoted"'}
    shown = dict.fromkeys(KEYS, "") | one
    (row,) = csv.DictReader(io.StringIO(transitions_csv([shown])))
    assert (row["id"], row["tags"], row["silenced"]) == ("'=1+1", "a=2,b=1", "true")
    assert row["message"] == 'two\nlines, "quoted"'
