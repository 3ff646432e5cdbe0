"""Asking for traces where no recorder runs: tests/unit/services/recorder/inspection tries them with one."""

from __future__ import annotations

import time
from typing import Any

import httpx
import orjson

from services.bus.connection import Bus
from services.bus.subjects import command_subject

V1 = "/kapacitor/v1"
TRACES = f"{V1}/traces"
START = "2023-11-14T22:13:20Z"


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"task": "none"}, 404, "task: no task exists"),
    ({"task": None}, 400, "task: missing data for required field"),
    ({"start": None}, 400, "start: missing data for required field"),
    ({"start": "yesterday"}, 400, "start: must be a time in RFC 3339, or ns since 1970, and is 'yesterday'"),
    ({"start": "2222-01-01T00:00:00Z"}, 400, "start: must have passed"),
    ({"stop": 1.5}, 400, "stop: must be a time in RFC 3339, or ns since 1970"),
    ({"stop": START}, 400, "stop: must be later than start"),
    ({"group": "host"}, 400, "group: must be tags, as an object or as host=a,cpu=0"),
    ({"group": {"host": 7}}, 400, "group.host: not a valid string"),
    ({"where": '"x" >'}, 400, 'where: parser: unexpected EOF line 1 char 6 in ""x" >".'),
    ({"where": "1 + 'a'"}, 400, "where: mismatched type to binary operator. got int + string."),
    ({"where": "count() > 1"}, 400, "where: count(), sigma() and spread() remember"),
    ({"limit": -1}, 400, "limit: must be greater than or equal to 0"),
    ({"nodes": "log2"}, 400, "nodes: unknown field"),
    ({"id": "a b"}, 400, "trace ID must contain only letters"),
    ({"task": "asks"}, 400, "task: a batch task reads nothing of the log that could be traced"),
]


async def define(gateway: httpx.AsyncClient, id: str, script: str) -> None:
    dbrps = [{"db": "db", "rp": "rp"}]
    answer = await gateway.post(f"{V1}/tasks", json={"id": id, "dbrps": dbrps, "script": script, "status": "disabled"})
    assert answer.status_code == 200, answer.text


async def test_one_is_asked_for_listed_and_deleted(gateway: httpx.AsyncClient, bus: Bus) -> None:
    await define(gateway, "cpu", "stream|from()|log()")
    assert (await gateway.get(TRACES)).json() == {"traces": []}
    asked = {"id": "one", "task": "cpu", "start": START, "stop": 1_700_000_060 * 10**9, "group": "host=a,cpu=0"}
    answer = await gateway.post(TRACES, json={**asked, "where": 'lambda: "x" > 1', "node": "", "limit": 7})
    assert answer.status_code == 201, answer.text
    shown = answer.json()
    assert shown["link"] == {"rel": "self", "href": f"{TRACES}/one"}
    assert (shown["status"], shown["progress"], shown["error"], shown["summary"]) == ("running", 0, "", {})
    assert (shown["start"], shown["stop"]) == (START, "2023-11-14T22:14:20Z")
    assert (shown["group"], shown["where"], shown["limit"]) == ({"host": "a", "cpu": "0"}, '"x" > 1', 7)
    got = await gateway.get(f"{TRACES}/one")
    assert (got.status_code, got.json()) == (202, shown)
    assert (await gateway.get(TRACES, params={"fields": "status"})).json()["traces"] == [
        {"link": shown["link"], "id": "one", "status": "running"}
    ]
    answer = await gateway.post(TRACES, json=asked)
    assert (answer.status_code, answer.json()) == (409, {"error": "trace already exists: one"})
    # the same over the bus
    reply = orjson.loads(await bus.request(command_subject("trace", "get"), b'{"id": "one"}'))
    assert (reply["status"], reply["body"]["id"]) == (202, "one")
    assert (await gateway.delete(f"{TRACES}/one")).status_code == 204
    assert (await gateway.delete(f"{TRACES}/one")).status_code == 204
    for path in ("one", "one/results"):
        answer = await gateway.get(f"{TRACES}/{path}")
        assert (answer.status_code, answer.json()) == (404, {"error": "no trace exists"})


async def test_what_is_wrong_is_told_by_its_key(gateway: httpx.AsyncClient) -> None:
    await define(gateway, "wrong", "stream|from()|log()")
    await define(gateway, "asks", "batch|query('SELECT x FROM db.rp.m').period(1m).every(1m)|log()")
    for asked, status, error in WRONG:
        answer = await gateway.post(TRACES, json={"task": "wrong", "start": START, **asked})
        assert answer.status_code == status and answer.json()["error"].startswith(error), (asked, answer.text)
    # what ran before the task was last changed may have had other nodes
    answer = await gateway.post(TRACES, json={"task": "wrong", "start": time.time_ns(), "node": "where7"})
    error = {"error": "node: the task has no where7, but stream0, from1, log2"}
    assert (answer.status_code, answer.json()) == (400, error)


async def test_pages_have_bounds(gateway: httpx.AsyncClient) -> None:
    await define(gateway, "paged", "stream|from()|log()")
    assert (await gateway.post(TRACES, json={"id": "paged", "task": "paged", "start": START})).status_code == 201
    for parameter in ("offset", "limit"):
        answer = await gateway.get(f"{TRACES}/paged/results", params={parameter: "-1"})
        error = f'invalid {parameter} parameter "-1" must be an integer, 0 or more'
        assert (answer.status_code, answer.json()) == (400, {"error": error})
    assert (await gateway.get(f"{TRACES}/paged/results")).status_code == 503  # nobody is there to be asked
