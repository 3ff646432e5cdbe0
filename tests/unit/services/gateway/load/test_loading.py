"""Loading a directory with real gateways on a real nats-server."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.support.nats import NatsServer
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.load.conftest import (
    LOAD,
    TEMPLATE,
    TEMPLATES,
    V1,
    Directory,
    counts,
    errors,
    events_since,
    load,
    made_from,
    script,
    task,
    told,
    whats_since,
)
from tests.unit.services.gateway.resources.test_tasks import TASKS


async def test_what_the_directory_holds_is_there_and_runs(
    start_gateway: StartGateway, directory: Directory, worker: StandInWorker
) -> None:
    directory.put("templates/base.tick", TEMPLATE)
    directory.put("tasks/made.yaml", made_from("base", m="cpu"))
    directory.put("tasks/script.tick", script("mem"))
    async with start_gateway(load=directory.path) as client:
        await load(client)
        made, own = await task(client, "made"), await task(client, "script")
        assert (made["template-id"], made["executing"], made["status"]) == ("base", True, "enabled")
        assert made["vars"] == {"m": {"type": "string", "value": "cpu", "description": ""}}
        assert (own["script"], own["dbrps"], own["executing"]) == (script("mem"), [{"db": "db", "rp": "rp"}], True)
        assert (await client.get(f"{TEMPLATES}/base?script-format=raw")).json()["script"] == TEMPLATE
        assert (await client.get(LOAD)).json()["unchanged"] == 3
        assert await errors(client) == 0
        for file in ("templates/base.tick", "tasks/made.yaml", "tasks/script.tick"):
            directory.take(file)
        assert counts(await load(client)) == (0, 0, 3, 0)
        assert (await client.get(TASKS)).json() == {"tasks": []}
        assert (await client.get(TEMPLATES)).json() == {"templates": []}


async def test_what_is_as_declared_is_left_alone(loading: httpx.AsyncClient, directory: Directory, bus: Bus) -> None:
    directory.put("templates/base.tick", TEMPLATE)
    directory.put("tasks/made.yaml", made_from("base", m="cpu"))
    directory.put("tasks/script.tick", script("mem"))
    assert counts(await load(loading)) == (3, 0, 0, 0)
    position = await bus.last_sequence("EVENTS")
    assert counts(await load(loading)) == (0, 3, 0, 0)
    assert await bus.last_sequence("EVENTS") == position


async def test_a_changed_file_restarts_its_task_by_one_event(
    loading: httpx.AsyncClient, directory: Directory, bus: Bus
) -> None:
    directory.put("tasks/one.tick", script("cpu"))
    directory.put("tasks/other.tick", script("cpu"))
    await load(loading)
    created = (await task(loading, "one"))["created"]
    position = await bus.last_sequence("EVENTS")
    directory.put("tasks/one.tick", script("mem"))
    assert counts(await load(loading)) == (1, 1, 0, 0)
    assert await whats_since(bus, position) == ["task.one.updated"]
    runs = [e for e in await events_since(bus, position) if e.kind == "run"]
    assert [(e.id, e.what) for e in runs] == [("one", "stopped"), ("one", "started")]
    found = await task(loading, "one")
    assert (found["script"], found["executing"], found["created"]) == (script("mem"), True, created)


async def test_vars_and_dbrps_that_are_taken_away_are_gone(loading: httpx.AsyncClient, directory: Directory) -> None:
    directory.put("templates/base.tick", TEMPLATE.replace("var m string", "var m = 'disk'"))
    directory.put("tasks/x.json", made_from("base", m="cpu"))
    await load(loading)
    directory.put("tasks/x.json", '{"template-id": "base", "dbrps": [{"db": "other", "rp": "rp"}]}')
    assert counts(await load(loading)) == (1, 1, 0, 0)
    found = await task(loading, "x")
    assert (found["vars"], found["dbrps"]) == ({}, [{"db": "other", "rp": "rp"}])
    # what would do as a change of the task that is there is no declaration of it
    directory.put("tasks/x.json", '{"template-id": "base"}')
    assert told(await load(loading)) == [("tasks/x.json", "refused", "must specify dbrp")]
    # from a template to a script of its own, and back
    directory.take("tasks/x.json")
    directory.put("tasks/x.tick", script("own"))
    assert counts(await load(loading)) == (1, 1, 0, 0)
    found = await task(loading, "x")
    assert (found["template-id"], found["script"], found["executing"]) == ("", script("own"), True)
    directory.take("tasks/x.tick")
    directory.put("tasks/x.yml", made_from("base"))
    assert counts(await load(loading)) == (1, 1, 0, 0)
    assert (await task(loading, "x"))["template-id"] == "base"


async def test_what_the_api_has_changed_is_brought_back(
    loading: httpx.AsyncClient, directory: Directory, worker: StandInWorker
) -> None:
    directory.put("tasks/disabled.tick", script("cpu"))
    directory.put("tasks/patched.tick", script("cpu"))
    directory.put("tasks/deleted.tick", script("cpu"))
    directory.put("tasks/adopted.tick", script("cpu"))
    body = {"id": "adopted", "script": "stream|from()", "dbrps": [{"db": "db", "rp": "rp"}], "status": "disabled"}
    assert (await loading.post(TASKS, json=body)).status_code == 200
    assert counts(await load(loading)) == (4, 0, 0, 0)
    await loading.patch(f"{TASKS}/disabled", json={"status": "disabled"})
    await loading.patch(f"{TASKS}/patched", json={"script": script("mem")})
    await loading.delete(f"{TASKS}/deleted")
    assert counts(await load(loading)) == (3, 1, 0, 0)
    for id in ("disabled", "patched", "deleted", "adopted"):
        found = await task(loading, id)
        assert (found["script"], found["executing"]) == (script("cpu"), True), id
    # what runs is another script than what is defined, until a restart
    await loading.patch(f"{TASKS}/patched", json={"script": script("mem")})
    await loading.patch(f"{TASKS}/patched", json={"status": "disabled"})
    await loading.patch(f"{TASKS}/patched", json={"status": "enabled"})
    await loading.patch(f"{TASKS}/patched", json={"script": script("cpu")})
    assert counts(await load(loading)) == (1, 3, 0, 0)


async def test_what_the_directory_did_not_declare_stays(loading: httpx.AsyncClient, directory: Directory) -> None:
    directory.put("tasks/mine.tick", script("cpu"))
    body = {"id": "theirs", "script": script("cpu"), "status": "disabled"}
    assert (await loading.post(TASKS, json=body)).status_code == 200
    await load(loading)
    directory.take("tasks/mine.tick")
    assert counts(await load(loading)) == (0, 0, 1, 0)
    assert [one["id"] for one in (await loading.get(TASKS)).json()["tasks"]] == ["theirs"]
    # a name that was the directory's once is anybody's now
    assert (await loading.post(TASKS, json=body | {"id": "mine"})).status_code == 200
    assert counts(await load(loading)) == (0, 0, 0, 0)
    assert (await task(loading, "mine"))["status"] == "disabled"
    for id in ("mine", "theirs"):
        await loading.delete(f"{TASKS}/{id}")


async def test_files_that_are_wrong_are_told_of_and_the_rest_is_loaded(
    loading: httpx.AsyncClient, directory: Directory, worker: StandInWorker
) -> None:
    worker.fails["cannot"] = "no luck"
    directory.put("templates/broken.tick", "var m string\nstream|from(")
    directory.put("templates/base.tick", TEMPLATE)
    directory.put("tasks/a-syntax.tick", 'dbrp "db"."rp"\nstream|from()\n  |nonsense()')
    directory.put("tasks/b-dbrp.tick", "stream|from()|httpOut('x')")
    directory.put("tasks/c d.tick", script("cpu"))
    directory.put("tasks/cannot.tick", script("cpu"))
    directory.put("tasks/e-bytes.tick", "")
    directory.put("tasks/fine.tick", script("cpu"))
    directory.put("tasks/g-template.yaml", made_from("none", m="cpu"))
    directory.put("tasks/h-var.yaml", "template-id: base\ndbrps: [{db: d, rp: r}]\nvars: {m: {type: int, value: 1}}")
    directory.put("tasks/i-twice.yaml", made_from("base", m="cpu"))
    directory.put("tasks/i-twice.json", made_from("base", m="cpu"))
    before = await errors(loading)
    report = await load(loading)
    assert counts(report) == (4, 0, 0, 8)
    expected = [
        ("tasks/a-syntax.tick", "refused", 'invalid TICKscript: line 3 char 4: no method or property "nonsense" on'),
        ("tasks/b-dbrp.tick", "refused", "must specify dbrp"),
        ("tasks/c d.tick", "refused", "task ID must contain only letters, numbers, '-', '.' and '_'. \"c d\""),
        ("tasks/cannot.tick", "failed", "task cannot cannot run: no luck"),
        ("tasks/e-bytes.tick", "refused", "empty"),
        ("tasks/g-template.yaml", "refused", "unknown template none: err: no template exists"),
        ("tasks/h-var.yaml", "refused", "invalid TICKscript: invalid type supplied for m, got int exp string"),
        ("tasks/i-twice.json", "refused", "task i-twice is declared by tasks/i-twice.yaml already"),
        ("templates/broken.tick", "refused", "invalid TICKscript: parser: unexpected EOF line 2 char 13"),
    ]
    for found, (file, effect, text) in zip(told(report), expected, strict=True):
        assert found[:2] == (file, effect) and found[2].startswith(text)
    places = {one["file"]: (one["line"], one["column"]) for one in report["complaints"] if one["line"]}
    assert places == {"tasks/a-syntax.tick": (3, 4), "templates/broken.tick": (2, 13)}
    assert await errors(loading) == before + 9
    assert [one["id"] for one in (await loading.get(TASKS)).json()["tasks"]] == ["cannot", "fine", "i-twice"]
    # what cannot run is tried again by each load
    worker.fails.clear()
    assert counts(await load(loading)) == (1, 3, 0, 8)
    assert (await task(loading, "cannot"))["executing"]


async def test_a_file_that_turns_wrong_keeps_what_was_loaded_from_it(
    loading: httpx.AsyncClient, directory: Directory
) -> None:
    directory.put("templates/base.tick", TEMPLATE)
    for id in ("a", "b", "c"):
        directory.put(f"tasks/{id}.yaml", made_from("base", m=id))
    directory.put("tasks/d.tick", script("cpu"))
    await load(loading)
    directory.put("templates/base.tick", "")
    directory.put("tasks/a.yaml", "[")
    directory.put("tasks/b.yaml", made_from("gone", m="b"))
    directory.take("tasks/c.yaml")
    (directory.path / "tasks/c.yaml").mkdir()
    directory.take("tasks/d.tick")
    directory.put("tasks/d.json", "{")
    assert counts(await load(loading)) == (0, 0, 0, 5)
    for id in ("a", "b", "c", "d"):
        assert (await task(loading, id))["executing"], id
    (directory.path / "tasks/c.yaml").rmdir()


def handler(topic: str, id: str, kind: str = "log", **options: Any) -> str:
    return orjson.dumps({"topic": topic, "id": id, "kind": kind, "options": options, "match": "changed()"}).decode()


async def handlers(client: httpx.AsyncClient, topic: str) -> dict[str, Any]:
    """The options of a topic's handlers, by id."""
    found = (await client.get(f"{V1}/alerts/topics/{topic}/handlers")).json()["handlers"]
    return {one["id"]: one["options"] for one in found}


async def test_handlers_are_made_changed_moved_and_deleted_with_their_files(
    loading: httpx.AsyncClient, directory: Directory, bus: Bus
) -> None:
    directory.put("handlers/one.yaml", "topic: cpu\nid: one\nkind: log\noptions:\n  path: /one")
    directory.put("handlers/two.json", handler("cpu", "two", path="/two"))
    directory.put("handlers/other.yml", handler("mem", "one", path="/mem"))
    assert counts(await load(loading)) == (3, 0, 0, 0)
    assert await handlers(loading, "cpu") == {"one": {"path": "/one"}, "two": {"path": "/two"}}
    position = await bus.last_sequence("EVENTS")
    assert counts(await load(loading)) == (0, 3, 0, 0)
    assert await bus.last_sequence("EVENTS") == position
    # what the API has changed is brought back
    await loading.put(f"{V1}/alerts/topics/cpu/handlers/two", json={"id": "2", "kind": "log", "options": {"path": "/"}})
    directory.put("handlers/one.yaml", handler("cpu", "one", path="/other"))
    directory.put("handlers/wrong.yaml", handler("cpu", "wrong", kind="nonsense"))
    directory.take("handlers/other.yml")
    report = await load(loading)
    assert counts(report) == (2, 0, 1, 1)
    assert told(report)[0][:2] == ("handlers/wrong.yaml", "refused") and "nonsense" in told(report)[0][2]
    assert await handlers(loading, "cpu") == {"one": {"path": "/other"}, "2": {"path": "/"}, "two": {"path": "/two"}}
    assert await handlers(loading, "mem") == {}
    # one that moves to another file stays, one that turns wrong or cannot be read too
    directory.take("handlers/two.json")
    directory.put("handlers/new.json", handler("cpu", "two", path="/two"))
    directory.put("handlers/one.yaml", "{")
    position = await bus.last_sequence("EVENTS")
    assert counts(await load(loading)) == (0, 1, 0, 2)
    assert await whats_since(bus, position) == ["load.handler/cpu/two.declared"]
    # its topic is its name: another topic is another handler
    directory.put("handlers/one.yaml", handler("disk", "one", path="/other"))
    directory.take("handlers/new.json")
    assert counts(await load(loading)) == (1, 0, 2, 1)
    assert (await handlers(loading, "cpu"), await handlers(loading, "disk")) == (
        {"2": {"path": "/"}},
        {"one": {"path": "/other"}},
    )
    await loading.delete(f"{V1}/alerts/topics/cpu/handlers/2")


async def test_a_directory_that_cannot_be_read_changes_nothing(
    loading: httpx.AsyncClient, directory: Directory
) -> None:
    directory.put("tasks/x.tick", script("cpu"))
    await load(loading)
    away = directory.path.with_name("away")
    directory.path.rename(away)
    report = await load(loading)
    assert counts(report) == (0, 0, 0, 1)
    assert told(report) == [("", "refused", "no such file or directory")]
    directory.path.mkdir()
    assert told(await load(loading)) == [("", "refused", "has no tasks, templates or handlers in it")]
    assert (await task(loading, "x"))["executing"]
    directory.path.rmdir()
    away.rename(directory.path)
    assert counts(await load(loading)) == (0, 1, 0, 0)


async def test_a_handler_s_file_that_names_another_and_is_wrong_keeps_what_it_declared(
    loading: httpx.AsyncClient, directory: Directory
) -> None:
    directory.put("handlers/h.yaml", handler("cpu", "one", path="/one"))
    await load(loading)
    directory.put("handlers/h.yaml", handler("disk", "two", kind="nonsense"))
    assert counts(await load(loading)) == (0, 0, 0, 1)
    assert (await handlers(loading, "cpu"), await handlers(loading, "disk")) == ({"one": {"path": "/one"}}, {})
    directory.put("handlers/h.yaml", handler("disk", "two", path="/two"))
    assert counts(await load(loading)) == (1, 0, 1, 0)
    assert (await handlers(loading, "cpu"), await handlers(loading, "disk")) == ({}, {"two": {"path": "/two"}})


async def test_a_change_of_a_template_that_workers_refuse_is_told_of(
    loading: httpx.AsyncClient, directory: Directory, worker: StandInWorker
) -> None:
    directory.put("templates/base.tick", TEMPLATE)
    directory.put("tasks/x.yaml", made_from("base", m="cpu"))
    await load(loading)
    new = TEMPLATE + "// new\n"
    worker.fails_with[new, "x"] = "no luck"
    directory.put("templates/base.tick", new)
    report = await load(loading)
    assert told(report) == [("templates/base.tick", "refused", "error reloading associated task x: no luck")]
    async with asyncio.timeout(10):
        while not (found := await task(loading, "x"))["executing"]:  # the worker takes it up again as it was
            pass
    assert found["script"] == TEMPLATE


async def test_a_task_that_no_worker_starts_is_loaded(
    start_gateway: StartGateway, directory: Directory, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.load.starting.RUN_SECONDS", 0.2)
    directory.put("tasks/x.tick", script("cpu"))
    async with start_gateway(load=directory.path) as client:
        await load(client)
        found = await task(client, "x")
        assert (found["status"], found["executing"]) == ("enabled", False)
        # it need not be started anew, it only has not started yet
        report = await load(client)
        assert (counts(report), report["waiting"]) == ((0, 1, 0, 0), 0)
        directory.put("tasks/x.tick", script("mem"))
        report = await load(client)
        assert (counts(report), report["waiting"]) == ((1, 0, 0, 0), 1)
        directory.take("tasks/x.tick")
        await load(client)


async def test_what_was_declared_is_known_to_the_log_alone(
    start_gateway: StartGateway, directory: Directory, worker: StandInWorker, tmp_path: Path
) -> None:
    directory.put("tasks/x.tick", script("cpu"))
    async with start_gateway("first", load=directory.path) as client:
        await load(client)
    directory.take("tasks/x.tick")
    async with start_gateway("second", load=directory.path) as client:
        await load(client)
        assert (await client.get(f"{TASKS}/x")).status_code == 404


async def test_of_two_gateways_one_makes_each_change(
    start_gateway: StartGateway, directory: Directory, worker: StandInWorker, bus: Bus
) -> None:
    for number in range(20):
        directory.put(f"tasks/t{number}.tick", script(f"m{number}"))
    position = await bus.last_sequence("EVENTS")
    async with start_gateway("one", load=directory.path) as one, start_gateway("two", load=directory.path) as two:
        await asyncio.gather(load(one), load(two))
        for number in range(0, 20, 2):
            directory.put(f"tasks/t{number}.tick", script(f"n{number}"))
        reports = await asyncio.gather(load(one), load(two))
        assert sorted(map(counts, reports)) == [(0, 20, 0, 0), (10, 10, 0, 0)]
        whats = await whats_since(bus, position)
        assert len(whats) == len(set(whats)) == 20 + 20 + 10
        for file in (directory.path / "tasks").iterdir():
            file.unlink()
        reports = await asyncio.gather(load(one), load(two))
        assert sorted(map(counts, reports)) == [(0, 0, 0, 0), (0, 0, 20, 0)]


async def test_who_asks_during_a_load_has_one_more(
    start_gateway: StartGateway, directory: Directory, worker: StandInWorker
) -> None:
    again = asyncio.Event()
    async with start_gateway(load=directory.path, again=again) as client:
        await load(client)
        directory.put("tasks/x.tick", script("cpu"))
        again.set()
        async with asyncio.timeout(30):
            while (await client.get(f"{TASKS}/x")).status_code == 404:
                await asyncio.sleep(0.01)
        directory.take("tasks/x.tick")
        again.set()
        again.set()
        async with asyncio.timeout(30):
            while (await client.get(f"{TASKS}/x")).status_code == 200:
                await asyncio.sleep(0.01)


async def test_a_load_can_be_asked_for_over_the_bus(loading: httpx.AsyncClient, directory: Directory, bus: Bus) -> None:
    directory.put("tasks/x.tick", script("cpu"))
    reply = orjson.loads(await bus.request(command_subject("load", "run"), b"", 10.0))
    assert reply["status"] == 200 and reply["body"]["loaded"] == 1
    reply = orjson.loads(await bus.request(command_subject("load", "get"), b""))
    assert reply == {"status": 200, "body": (await loading.get(LOAD)).json()}


async def test_without_a_directory_the_answer_is_404_and_no_error_is_counted(gateway: httpx.AsyncClient) -> None:
    for answer in (await gateway.get(LOAD), await gateway.post(LOAD)):
        assert (answer.status_code, answer.json()["error"][:45]) == (
            404,
            "the load directory is not enabled, see [load]"[:45],
        )
    assert await errors(gateway) == 0


async def test_a_load_that_nats_interrupts_is_tried_again(
    start_gateway: StartGateway, directory: Directory, worker: StandInWorker, nats_server: NatsServer
) -> None:
    for number in range(40):
        directory.put(f"tasks/t{number}.tick", script(f"m{number}"))
    async with start_gateway(load=directory.path) as client:
        async with asyncio.timeout(30):
            while not (await client.get(f"{TASKS}?fields=id")).json()["tasks"]:
                await asyncio.sleep(0)
        await nats_server.restart(kill=True)
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if len((await client.get(f"{TASKS}?fields=id")).json().get("tasks", ())) == 40:
                        break
                await asyncio.sleep(0.05)
        for file in (directory.path / "tasks").iterdir():
            file.unlink()
        async with asyncio.timeout(60):
            while (await client.post(LOAD)).status_code == 503:
                await asyncio.sleep(0.2)


async def test_handlers_of_others_stay_and_own_ones_are_brought_back(
    loading: httpx.AsyncClient, directory: Directory, bus: Bus
) -> None:
    topics = f"{V1}/alerts/topics"

    async def handlers(topic: str) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = (await loading.get(f"{topics}/{topic}/handlers")).json()["handlers"]
        return [{key: one[key] for key in ("id", "kind", "options", "match")} for one in shown]

    tcp = {"kind": "tcp", "options": {"address": "127.0.0.1:1"}}
    await loading.post(f"{topics}/loaded/handlers", json={"id": "theirs", **tcp})
    directory.put("handlers/any.yaml", "topic: loaded\nid: mine\nkind: tcp\noptions: {address: '127.0.0.1:1'}")
    directory.put("handlers/other.json", '{"topic": "loaded", "id": "log", "kind": "log", "options": {"path": "/x"}}')
    directory.put("handlers/space.yaml", "topic: a b\nid: x\nkind: tcp")
    directory.put("handlers/path.yaml", "topic: loaded\nid: x\nkind: log\noptions: {path: rel}")
    directory.put("handlers/unknown.yaml", "topic: loaded\nid: y\nkind: nokind")
    report = await load(loading)
    assert counts(report) == (2, 0, 0, 3)
    assert told(report) == [
        (
            "handlers/path.yaml",
            "refused",
            "failed to create handler: log path must be absolute: rel is not absolute",
        ),
        (
            "handlers/space.yaml",
            "refused",
            "invalid handler spec: handler topic must contain only letters, numbers, '-', '.' and '_'. \"a b\"",
        ),
        ("handlers/unknown.yaml", "refused", 'failed to create handler: unsupported action kind "nokind"'),
    ]
    mine, log, theirs = (
        {"id": "mine", **tcp, "match": ""},
        {"id": "log", "kind": "log", "options": {"path": "/x"}, "match": ""},
        {"id": "theirs", **tcp, "match": ""},
    )
    assert await handlers("loaded") == [log, mine, theirs]
    for name in ("path", "space", "unknown"):
        directory.take(f"handlers/{name}.yaml")
    await loading.delete(f"{topics}/loaded/handlers/log")
    await loading.put(f"{topics}/loaded/handlers/mine", json={"id": "mine", **tcp, "match": "changed()"})
    position = await bus.last_sequence("EVENTS")
    assert counts(await load(loading)) == (2, 0, 0, 0)
    assert {(e.id, e.what) for e in await events_since(bus, position) if e.kind == "handler"} == {
        ("loaded/mine", "updated"),
        ("loaded/log", "defined"),
    }
    assert await handlers("loaded") == [log, mine, theirs]
    assert counts(await load(loading)) == (0, 2, 0, 0)
    directory.take("handlers/any.yaml")
    assert counts(await load(loading)) == (0, 1, 1, 0)
    assert await handlers("loaded") == [log, theirs]
