"""Tasks on real gateways: what the recorded cases cannot show (several at once, over the bus, over restarts)."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.api.task import TaskSchema
from schemas.requests.commands import ReplySchema
from schemas.requests.engine import StatsSchema
from services.bus import events
from services.bus.connection import Bus
from services.bus.subjects import command_subject, escape
from services.gateway.http.answers import to_json
from tests.support.worker import RESULT, StandInWorker
from tests.unit.services.gateway.conftest import StartGateway

TASKS = "/kapacitor/v1/tasks"
DBRPS = [{"db": "db", "rp": "rp"}]


def body(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "dbrps": DBRPS, "script": "stream|from().measurement('cpu')", **more}


async def history(bus: Bus, *ids: str, count: int) -> list[events.Event]:
    """The first events about some tasks, as they stand in the log."""
    found: list[events.Event] = []
    async with bus.follow("EVENTS", [f"tickbus.event.*.{escape(id)}.*" for id in ids]) as follower:
        while len(found) < count:
            found += map(events.decode, await follower.batch())
    return found


async def test_the_life_of_a_task_stands_in_the_log(
    gateway: httpx.AsyncClient, bus: Bus, worker: StandInWorker
) -> None:
    await gateway.post("/write?db=db&rp=rp", content=b"cpu v=1")
    created = await gateway.post(TASKS, json=body("life", status="enabled"))
    assert created.json()["executing"] is True
    assert TaskSchema().validate(created.json()) == {}
    assert StatsSchema().validate(created.json()["stats"]) == {}
    await gateway.post("/write?db=db&rp=rp", content=b"cpu v=2")
    end = await bus.last_sequence("WRITES")
    changed = await gateway.patch(f"{TASKS}/life", json={"script": "stream|from().measurement('mem')"})
    assert changed.json()["script"] == "stream\n    |from()\n        .measurement('mem')\n"
    assert (await gateway.patch(f"{TASKS}/life", json={"status": "disabled"})).json()["executing"] is False
    assert (await gateway.delete(f"{TASKS}/life")).status_code == 204
    log = await history(bus, "life", count=6)
    assert [f"{e.kind}.{e.what}" for e in log] == [
        "task.defined",
        "run.started",
        "task.updated",
        "task.disabled",
        "run.stopped",
        "task.deleted",
    ]
    assert (log[0].data["status"], log[0].data["position"]) == ("enabled", end - 1)
    assert log[1].data["enabled"] == log[0].seq
    assert log[3].data == {"position": end}
    assert log[4].data == {"disabled": log[3].seq}
    assert log[0].data["script"] == "stream|from().measurement('cpu')"
    assert (log[2].data["dbrps"], "position" in log[2].data) == (DBRPS, False)


async def test_what_becomes_of_its_alerts_is_said_where_a_task_is_deleted(
    gateway: httpx.AsyncClient, bus: Bus, worker: StandInWorker
) -> None:
    async def over_bus(alerts: str) -> int:
        question = orjson.dumps({"id": "leaves", "alerts": alerts})
        status: int = orjson.loads(await bus.request(command_subject("task", "delete"), question))["status"]
        return status

    async def over_http(query: str) -> int:
        return (await gateway.delete(f"{TASKS}/leaves{query}")).status_code

    for delete, how in ((over_http, ""), (over_http, "?alerts=keep"), (over_bus, "end")):
        assert (await gateway.post(TASKS, json=body("leaves"))).status_code == 200
        wrong = await gateway.delete(f"{TASKS}/leaves?alerts=all")
        assert wrong.status_code == 400
        assert wrong.json() == {"error": "invalid alerts parameter: must be one of forget, keep, end"}
        assert await delete(how) == 204
    log = await history(bus, "leaves", count=6)
    assert [e.data["alerts"] for e in log if e.what == "deleted"] == ["forget", "keep", "end"]


async def test_a_patch_is_one_event_whatever_it_changes(
    gateway: httpx.AsyncClient, bus: Bus, worker: StandInWorker
) -> None:
    await gateway.post(TASKS, json=body("whole"))
    other = {"script": "stream|from().measurement('mem')", "vars": {"n": {"type": "int", "value": 1}}}
    enabled = (await gateway.patch(f"{TASKS}/whole", json={**other, "status": "enabled"})).json()
    assert (enabled["executing"], enabled["vars"]["n"]["value"]) == (True, 1)
    dbrps = [{"db": "other", "rp": "rp"}]
    disabled = (await gateway.patch(f"{TASKS}/whole", json={"dbrps": dbrps, "status": "disabled"})).json()
    assert (disabled["executing"], disabled["dbrps"]) == (False, dbrps)
    moved = {"id": "whole.2", "status": "enabled", "dbrps": DBRPS}
    assert (await gateway.patch(f"{TASKS}/whole", json=moved)).json()["executing"] is True
    back = {"id": "whole", "status": "disabled", "dbrps": dbrps}
    assert (await gateway.patch(f"{TASKS}/whole.2", json=back)).json()["executing"] is False
    both = await history(bus, "whole", "whole.2", count=9)
    assert [(e.id, f"{e.kind}.{e.what}", e.data.get("status")) for e in both] == [
        ("whole", "task.defined", "disabled"),
        ("whole", "task.updated", "enabled"),
        ("whole", "run.started", None),
        ("whole", "task.updated", "disabled"),
        ("whole", "run.stopped", None),
        ("whole.2", "task.updated", "enabled"),
        ("whole.2", "run.started", None),
        ("whole", "task.updated", "disabled"),
        ("whole.2", "run.stopped", None),
    ]
    assert both[4].data == {"disabled": both[3].seq}
    assert both[8].data == {"disabled": both[7].seq}


async def test_a_task_that_cannot_start_is_there_all_the_same(
    gateway: httpx.AsyncClient, worker: StandInWorker
) -> None:
    worker.fails["broken"] = "no luck"
    answer = await gateway.post(TASKS, json=body("broken", status="enabled"))
    assert (answer.status_code, answer.json()) == (500, {"error": "no luck"})
    shown = (await gateway.get(f"{TASKS}/broken")).json()
    assert (shown["status"], shown["executing"], shown["error"]) == ("enabled", False, "no luck")
    assert (await gateway.patch(f"{TASKS}/broken", json={"status": "enabled"})).status_code == 200
    del worker.fails["broken"]
    assert (await gateway.patch(f"{TASKS}/broken", json={"status": "disabled"})).json()["error"] == "no luck"
    assert (await gateway.patch(f"{TASKS}/broken", json={"status": "enabled"})).json()["executing"] is True
    assert (await gateway.get(f"{TASKS}/broken")).json()["error"] == ""


async def test_an_endpoint_shows_its_result_as_the_worker_wrote_it(
    gateway: httpx.AsyncClient, bus: Bus, worker: StandInWorker
) -> None:
    script = "stream|from()|httpOut('shown')"
    assert (await gateway.post(TASKS, json=body("shows", script=script, status="enabled"))).status_code == 200
    answer = await gateway.get(f"{TASKS}/shows/shown")
    assert (answer.status_code, answer.content) == (200, RESULT.encode())
    over_bus = await bus.request(command_subject("task", "endpoint"), b'{"id": "shows", "endpoint": "shown"}', 10)
    assert over_bus == b'{"status":200,"body":%s}' % RESULT.encode()


async def test_changes_from_two_gateways_at_once_are_all_kept(start_gateway: StartGateway) -> None:
    """Each of ten clients adds its own part to what it finds; the last state must rest on all of them."""
    async with start_gateway("one") as one, start_gateway("two") as two:
        assert (await one.post(TASKS, json=body("busy"))).status_code == 200

        async def change(client: httpx.AsyncClient, number: int) -> int:
            names = {f"v{number}": {"type": "int", "value": number}}
            script = f"stream|from().measurement('m{number}')"
            answer = await client.patch(f"{TASKS}/busy", json={"vars": names, "script": script})
            return answer.status_code

        both = [one, two]
        assert set(await asyncio.gather(*(change(both[n % 2], n) for n in range(10)))) == {200}
        last = (await one.get(f"{TASKS}/busy?script-format=raw")).json()
        (number,) = (int(name[1:]) for name in last["vars"])
        assert last["script"] == f"stream|from().measurement('m{number}')"
        assert (await two.get(f"{TASKS}/busy?script-format=raw")).json()["script"] == last["script"]


async def test_of_two_tasks_defined_at_once_one_is(start_gateway: StartGateway) -> None:
    async with start_gateway("one") as one, start_gateway("two") as two:
        answers = await asyncio.gather(*(client.post(TASKS, json=body("twice")) for client in (one, two) * 3))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5


async def test_of_two_renames_at_once_one_counts(start_gateway: StartGateway, worker: StandInWorker) -> None:
    async with start_gateway("one") as one, start_gateway("two") as two:
        await one.post(TASKS, json=body("old", status="enabled"))
        assert (await two.get(f"{TASKS}/old")).status_code == 200
        answers = await asyncio.gather(
            one.patch(f"{TASKS}/old", json={"id": "new1"}), two.patch(f"{TASKS}/old", json={"id": "new2"})
        )
        assert sorted(answer.status_code for answer in answers) == [200, 404]
        ids = [task["id"] for task in (await one.get(f"{TASKS}?fields=id&pattern=new*")).json()["tasks"]]
        (renamed,) = [answer.json()["id"] for answer in answers if answer.status_code == 200]
        assert ids == [renamed]
        assert (await one.get(f"{TASKS}/{renamed}")).json()["executing"] is True
        assert (await one.get(f"{TASKS}/old")).status_code == 404


async def test_which_ids_a_task_may_have(gateway: httpx.AsyncClient) -> None:
    long = "x" * 1200
    assert (await gateway.post(TASKS, json=body(long))).status_code == 200
    assert (await gateway.get(f"{TASKS}/{long}")).json()["id"] == long
    for bad, words in [("x" * 10_000, "too long"), ("../x", "must contain only"), ("a\x00b", '"a\\x00b"')]:
        answer = await gateway.post(TASKS, json=body(bad))
        assert answer.status_code == 400
        assert words in answer.json()["error"]
    await gateway.post(TASKS, json=body("fine"))
    assert (await gateway.patch(f"{TASKS}/fine", json={"id": "not fine"})).status_code == 400
    assert (await gateway.get(f"{TASKS}/fine")).status_code == 200


async def test_the_bus_takes_the_same_commands(gateway: httpx.AsyncClient, bus: Bus, worker: StandInWorker) -> None:
    async def command(verb: str, question: Any) -> Any:
        return orjson.loads(await bus.request(command_subject("task", verb), orjson.dumps(question)))

    created = await command("create", body("bus.task", status="enabled"))
    assert (created["status"], created["body"]["executing"]) == (200, True)
    assert ReplySchema().validate(created) == {}
    over_http = (await gateway.get(f"{TASKS}/bus.task?script-format=raw")).json()
    assert (await command("get", {"id": "bus.task", "script-format": "raw"}))["body"] == over_http
    listed = await command("list", {"pattern": "bus.*", "fields": ["status"], "limit": 1})
    over_http = (await gateway.get(f"{TASKS}?pattern=bus.*&fields=status&limit=1")).json()
    assert listed == {"status": 200, "body": over_http}
    updated = await command("update", {"id": "bus.task", "body": {"status": "disabled"}})
    assert (updated["status"], updated["body"]["status"]) == (200, "disabled")
    for verb, question, status, text in [
        ("create", body("bus.task"), 400, "task bus.task already exists"),
        ("create", [], 400, "invalid JSON"),
        ("update", {"id": "none", "body": {}}, 404, "task does not exist, cannot update"),
        ("update", {"id": "none"}, 400, "invalid JSON"),
        ("get", {"id": "none"}, 404, "no task exists"),
        ("get", {}, 400, "must specify task id"),
        ("list", {"limit": "x"}, 400, 'invalid limit parameter "x" must be an integer'),
    ]:
        assert await command(verb, question) == {"status": status, "body": {"error": text}}
    assert await command("delete", {"id": "bus.task"}) == {"status": 204, "body": None}
    assert (await gateway.get(f"{TASKS}/bus.task")).status_code == 404


async def test_a_start_from_the_store_and_one_from_the_log_show_the_same(
    start_gateway: StartGateway, tmp_path: Path
) -> None:
    async with start_gateway() as client:
        for number in range(5):
            await client.post(TASKS, json=body(f"kept{number}", vars={"n": {"type": "int", "value": number}}))
        await client.patch(f"{TASKS}/kept1", json={"id": "kept9"})
        await client.delete(f"{TASKS}/kept2")
        before = (await client.get(f"{TASKS}?pattern=kept*")).json()
    assert [task["id"] for task in before["tasks"]] == ["kept0", "kept3", "kept4", "kept9"]
    async with start_gateway() as client:
        assert (await client.get(f"{TASKS}?pattern=kept*")).json() == before
    shutil.rmtree(tmp_path / "data")
    async with start_gateway() as client:
        assert (await client.get(f"{TASKS}?pattern=kept*")).json() == before


async def test_what_is_no_task_event_does_not_stop_the_gateway(gateway: httpx.AsyncClient, bus: Bus) -> None:
    await bus.publish("tickbus.event.task.x.defined", b"rubbish")
    await bus.publish("tickbus.event.task.x.unheard", b"{}")
    headers, data = events.encode(events.Event("task", "x", "defined", {"script": 5}, 0))
    await bus.publish("tickbus.event.task.x.defined", data, headers)
    answer = await gateway.post(TASKS, json=body("x"))
    assert (answer.status_code, answer.json()["id"]) == (200, "x")


async def test_a_new_id_that_is_taken_is_told_of_last(gateway: httpx.AsyncClient) -> None:
    for id in ("taken1", "taken2"):
        await gateway.post(TASKS, json=body(id))
    for change, status in [({"script": "stream|from("}, 400), ({}, 500)]:
        answer = await gateway.patch(f"{TASKS}/taken1", json={"id": "taken2", **change})
        assert answer.status_code == status
    assert "object already exists" in answer.json()["error"]


async def test_a_long_list_is_the_same_in_one_piece_and_in_many(
    gateway: httpx.AsyncClient, bus: Bus, worker: StandInWorker
) -> None:
    """Its bytes are those of single tasks, one behind the other; over the bus it says the same."""
    ids = [f"long{number:03}" for number in range(300)]
    script = "stream|from().measurement('m')|alert().id('" + "x" * 2000 + "')"
    for at in range(0, len(ids), 25):
        made = [gateway.post(TASKS, json=body(id, script=script, status="enabled")) for id in ids[at : at + 25]]
        assert {answer.status_code for answer in await asyncio.gather(*made)} == {200}
    fields = "&".join(f"fields={field}" for field in ("script", "status", "dot", "stats", "executing"))
    answer = await gateway.get(f"{TASKS}?pattern=long*&limit=1000&{fields}")
    assert "content-length" not in answer.headers
    listed = answer.json()["tasks"]
    assert [task["id"] for task in listed] == ids
    assert answer.content == to_json({"tasks": listed})
    assert all(task["executing"] and task["stats"]["node-stats"]["from1"] for task in listed)
    part = await gateway.get(f"{TASKS}?pattern=long*&offset=10&limit=3&{fields}")
    assert part.headers["content-length"] == str(len(part.content)) and part.json()["tasks"] == listed[10:13]
    question = {"pattern": "long*", "limit": 1000, "fields": ["script", "status", "dot", "stats", "executing"]}
    over_bus = orjson.loads(await bus.request(command_subject("task", "list"), orjson.dumps(question)))
    assert over_bus == {"status": 200, "body": {"tasks": listed}}


async def test_a_worker_that_does_not_answer_is_not_waited_for_again_and_again(
    gateway: httpx.AsyncClient, worker: StandInWorker
) -> None:
    for id in ("quiet1", "quiet2"):
        assert (await gateway.post(TASKS, json=body(id, status="enabled"))).status_code == 200
    worker._answering.stop()
    listed = (await gateway.get(f"{TASKS}?pattern=quiet*")).json()["tasks"]
    assert [(task["executing"], task["stats"]) for task in listed] == [(True, None)] * 2
    assert all(task["dot"].startswith("digraph quiet") for task in listed)


async def test_a_stop_ends_a_long_answer_that_nobody_reads_on(
    start_gateway: StartGateway, worker: StandInWorker
) -> None:
    script = "stream|from().measurement('m')|alert().id('" + "x" * 200_000 + "')"
    async with start_gateway("first", shutdown_timeout=0.5) as client:
        for at in range(0, 100, 20):
            made = [client.post(TASKS, json=body(f"big{number:03}", script=script)) for number in range(at, at + 20)]
            assert {answer.status_code for answer in await asyncio.gather(*made)} == {200}
        reader = httpx.AsyncClient(base_url=client.base_url)
        answer = await reader.send(reader.build_request("GET", f"{TASKS}?pattern=big*&limit=1000"), stream=True)
        pieces = answer.aiter_raw()
        assert answer.status_code == 200 and await anext(pieces)
        asked_to_stop = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - asked_to_stop < 10
    with pytest.raises(httpx.HTTPError):  # what comes is not the whole, and says so
        async for _ in pieces:
            pass
    await reader.aclose()


async def test_a_task_and_a_template_as_pictures(gateway: httpx.AsyncClient, bus: Bus) -> None:
    script = "stream|from().measurement('cpu')|alert().id('<b>')"
    await gateway.post(TASKS, json=body("drawn", script=script))
    await gateway.post("/kapacitor/v1/templates", json={"id": "drawn", "script": script})
    for path in (f"{TASKS}/drawn", "/kapacitor/v1/templates/drawn"):
        answer = await gateway.get(path, params={"view": "svg"})
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert '<g class="edge" data-from="from1" data-to="alert2">' in answer.text
        refused = await gateway.get(path, params={"view": "png"})
        assert (refused.status_code, refused.json()) == (400, {"error": 'invalid view parameter "png"'})
    reply = await bus.request(command_subject("task", "get"), b'{"id": "drawn", "view": "svg"}')
    assert orjson.loads(reply)["body"] == (await gateway.get(f"{TASKS}/drawn?view=svg")).text
    assert (await gateway.get(f"{TASKS}/none?view=svg")).status_code == 404


async def test_a_change_of_what_was_read_before_somebody_else_changed_it(gateway: httpx.AsyncClient) -> None:
    made = (await gateway.post(TASKS, json=body("shared"))).json()
    read = {"unmodified-since": made["modified"]}
    first = await gateway.patch(f"{TASKS}/shared", json=read | {"script": "stream|from().measurement('a')"})
    assert first.status_code == 200
    late = await gateway.patch(f"{TASKS}/shared", json=read | {"script": "stream|from().measurement('b')"})
    now = (await gateway.get(f"{TASKS}/shared")).json()
    told = {"error": f"unmodified-since: task shared was changed at {now['modified']}"}
    assert (late.status_code, late.json()) == (409, told)
    assert "'a'" in now["script"]
    for wrong in ("yesterday", "2026-02-30T00:00:00Z"):
        refused = await gateway.patch(f"{TASKS}/shared", json={"unmodified-since": wrong, "status": "disabled"})
        assert refused.status_code == 400 and refused.json()["error"].startswith("unmodified-since: ")
    again = await gateway.patch(f"{TASKS}/shared", json={"unmodified-since": now["modified"], "status": "disabled"})
    assert again.status_code == 200
