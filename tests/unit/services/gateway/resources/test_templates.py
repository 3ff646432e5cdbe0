"""Templates on real gateways: what the recorded cases cannot show."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import orjson

from schemas.api.template import TemplateSchema
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.resources.test_tasks import DBRPS, TASKS, history

TEMPLATES = "/kapacitor/v1/templates"
OLD = "var m string\nstream|from().measurement(m)"
NEW = "var m string\nstream|from().measurement(m).where(lambda: TRUE)"


def task(id: str, template: str, status: str = "enabled") -> dict[str, Any]:
    vars = {"m": {"type": "string", "value": "cpu"}}
    return {"id": id, "template-id": template, "dbrps": DBRPS, "status": status, "vars": vars}


async def scripts(client: httpx.AsyncClient, name: str) -> set[str]:
    """What a template shows, and all tasks whose ids begin like its own."""
    listed = (await client.get(f"{TASKS}?fields=script&script-format=raw&pattern={name}*")).json()["tasks"]
    shown = (await client.get(f"{TEMPLATES}/{name}?script-format=raw")).json()
    assert TemplateSchema().validate(shown) == {}
    return {shown["script"], *(one["script"] for one in listed)}


async def test_a_change_is_one_event_and_its_tasks_run_with_it(
    gateway: httpx.AsyncClient, bus: Bus, worker: StandInWorker
) -> None:
    assert (await gateway.post(TEMPLATES, json={"id": "one", "script": OLD})).status_code == 200
    for id in ("one-a", "one-b"):
        assert (await gateway.post(TASKS, json=task(id, "one"))).json()["executing"] is True
    assert (await gateway.patch(f"{TEMPLATES}/one", json={"script": NEW})).status_code == 200
    assert await scripts(gateway, "one") == {NEW}
    (_, changed) = await history(bus, "one", count=2)
    assert changed.data["tasks"].keys() == {"one-a", "one-b"}
    for id in ("one-a", "one-b"):
        assert (await gateway.get(f"{TASKS}/{id}")).json()["executing"] is True
        events = [f"{e.kind}.{e.what}" for e in await history(bus, id, count=4)]
        assert events == ["task.defined", "run.started", "run.stopped", "run.started"]


async def test_where_one_task_cannot_start_all_run_as_before(gateway: httpx.AsyncClient, worker: StandInWorker) -> None:
    await gateway.post(TEMPLATES, json={"id": "back", "script": OLD})
    for id in ("back-a", "back-b"):
        await gateway.post(TASKS, json=task(id, "back"))
    worker.fails_with[NEW, "back-b"] = "no luck"
    answer = await gateway.patch(f"{TEMPLATES}/back", json={"id": "other", "script": NEW})
    assert answer.status_code == 500
    assert answer.json() == {"error": "error reloading associated task back-b: no luck"}
    assert await scripts(gateway, "back") == {OLD}
    shown = [(await gateway.get(f"{TASKS}/{id}")).json() for id in ("back-a", "back-b")]
    assert [(s["executing"], s["error"], s["template-id"]) for s in shown] == [(True, "", "back")] * 2
    assert (await gateway.get(f"{TEMPLATES}/other")).status_code == 404


async def test_a_template_keeps_the_dbrps_that_its_tasks_have_from_it(
    gateway: httpx.AsyncClient, worker: StandInWorker
) -> None:
    own = 'dbrp "d"."r"\n' + OLD
    for status in ("enabled", "disabled"):
        name = f"keeps-{status}"
        await gateway.post(TEMPLATES, json={"id": name, "script": own})
        assert (await gateway.patch(f"{TEMPLATES}/{name}", json={"script": OLD})).status_code == 200
        await gateway.patch(f"{TEMPLATES}/{name}", json={"script": own})
        made = {key: value for key, value in task(f"{name}-a", name, status).items() if key != "dbrps"}
        assert (await gateway.post(TASKS, json=made)).status_code == 200
        before = (await gateway.get(f"{TASKS}/{name}-a")).json()
        for change in ({"script": OLD}, {"script": OLD, "id": f"{name}-new"}):
            answer = await gateway.patch(f"{TEMPLATES}/{name}", json=change)
            text = f"must specify dbrp: task {name}-a has none but its template's"
            assert (answer.status_code, answer.json()) == (400, {"error": text})
        assert await scripts(gateway, name) == {own}
        after = (await gateway.get(f"{TASKS}/{name}-a")).json()
        assert (after["dbrps"], after["executing"]) == ([{"db": "d", "rp": "r"}], status == "enabled")
        assert after["modified"] == before["modified"]
        assert (await gateway.get(f"{TEMPLATES}/{name}-new")).status_code == 404
        other = 'dbrp "e"."r"\n' + OLD
        assert (await gateway.patch(f"{TEMPLATES}/{name}", json={"script": other})).status_code == 200
        assert (await gateway.get(f"{TASKS}/{name}-a")).json()["dbrps"] == [{"db": "e", "rp": "r"}]


async def test_tasks_and_templates_that_change_at_once_end_up_together(
    start_gateway: StartGateway, worker: StandInWorker
) -> None:
    async with start_gateway("one") as one, start_gateway("two") as two:
        await one.post(TEMPLATES, json={"id": "busy", "script": OLD})
        assert (await two.get(f"{TEMPLATES}/busy")).status_code == 200

        async def change(number: int) -> httpx.Response:
            client = (one, two)[number % 2]
            if number % 3 == 0:
                return await client.patch(f"{TEMPLATES}/busy", json={"script": f"{OLD} // {number}"})
            return await client.post(
                TASKS, json=task(f"busy{number}", "busy", status=("enabled", "disabled")[number % 2])
            )

        answers = await asyncio.gather(*map(change, range(12)))
        assert [answer.text for answer in answers if answer.status_code != 200] == []
        assert len(await scripts(one, "busy")) == len(await scripts(two, "busy")) == 1


async def test_the_bus_takes_the_same_commands(gateway: httpx.AsyncClient, bus: Bus) -> None:
    async def command(verb: str, question: Any) -> Any:
        return orjson.loads(await bus.request(command_subject("template", verb), orjson.dumps(question)))

    created = await command("create", {"id": "bus", "script": OLD})
    assert (created["status"], created["body"]["vars"]["m"]["type"]) == (200, "string")
    assert (await command("get", {"id": "bus"}))["body"] == (await gateway.get(f"{TEMPLATES}/bus")).json()
    updated = await command("update", {"id": "bus", "body": {"id": "new"}})
    assert (updated["status"], updated["body"]["id"]) == (200, "new")
    listed = await command("list", {"pattern": "n*", "fields": ["vars"]})
    assert listed["body"] == (await gateway.get(f"{TEMPLATES}?pattern=n*&fields=vars")).json()
    for verb, question, status, text in [
        ("create", {"id": "new", "script": OLD}, 400, "template new already exists"),
        ("update", {"id": "bus", "body": {}}, 404, "template does not exist, cannot update"),
        ("get", {}, 400, "must specify template id"),
        ("list", {"fields": ["nonsense"]}, 400, 'unsupported field "nonsense"'),
    ]:
        assert await command(verb, question) == {"status": status, "body": {"error": text}}
    assert await command("delete", {"id": "new"}) == {"status": 204, "body": None}
    assert (await gateway.get(f"{TEMPLATES}?pattern=n*")).json() == {"templates": []}


async def test_ids_that_cannot_be(gateway: httpx.AsyncClient) -> None:
    await gateway.post(TEMPLATES, json={"id": "ids", "script": OLD})
    await gateway.post(TEMPLATES, json={"id": "taken", "script": OLD})
    for new, status in [("not fine", 400), ("../x", 400), ("x" * 10_000, 400), ("taken", 500)]:
        assert (await gateway.patch(f"{TEMPLATES}/ids", json={"id": new})).status_code == status
    assert (await gateway.get(f"{TEMPLATES}/ids")).status_code == 200


async def test_a_task_without_its_template_can_still_be_disabled(
    gateway: httpx.AsyncClient, worker: StandInWorker
) -> None:
    await gateway.post(TEMPLATES, json={"id": "gone", "script": OLD})
    await gateway.post(TASKS, json=task("orphan", "gone"))
    await gateway.delete(f"{TEMPLATES}/gone")
    assert (await gateway.patch(f"{TASKS}/orphan", json={"vars": task("x", "gone")["vars"]})).status_code == 400
    assert (await gateway.patch(f"{TASKS}/orphan", json={"status": "disabled"})).json()["executing"] is False
    assert (await gateway.patch(f"{TASKS}/orphan", json={"status": "enabled"})).status_code == 400


async def test_a_template_keeps_its_type_unless_another_is_asked_for(gateway: httpx.AsyncClient) -> None:
    batch = "batch|query('SELECT v FROM a.b.c').period(1m).every(1m)"
    await gateway.post(TEMPLATES, json={"id": "t", "type": "stream", "script": "stream|from()"})
    answer = await gateway.patch(f"{TEMPLATES}/t", json={"script": batch})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith('invalid TICKscript: name "batch" is undefined.')
    answer = await gateway.patch(f"{TEMPLATES}/t", json={"type": "batch"})
    assert answer.json()["error"].startswith('invalid TICKscript: name "stream" is undefined.')
    answer = await gateway.patch(f"{TEMPLATES}/t", json={"type": "batch", "script": batch})
    assert (answer.status_code, answer.json()["type"]) == (200, "batch")
