"""Templates of a load directory, and the tasks that are made of them."""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from services.bus.connection import Bus
from tests.unit.services.gateway.load.conftest import (
    TEMPLATE,
    TEMPLATES,
    Directory,
    counts,
    load,
    made_from,
    script,
    task,
    told,
    whats_since,
)
from tests.unit.services.gateway.resources.test_tasks import TASKS


async def test_a_template_changes_with_its_tasks(loading: httpx.AsyncClient, directory: Directory, bus: Bus) -> None:
    """Whose vars suit only the one that they are declared with."""
    directory.put("templates/base.tick", TEMPLATE)
    for id in ("follows", "goes", "moves", "stays"):
        directory.put(f"tasks/{id}.yaml", made_from("base", m="cpu"))
    await load(loading)
    other = "var n string\nstream|from().measurement(n)|httpOut('out')\n"
    directory.put("templates/base.tick", other)
    directory.put("templates/other.tick", TEMPLATE)
    directory.put("tasks/follows.yaml", made_from("base", n="cpu"))
    directory.put("tasks/moves.yaml", made_from("other", m="cpu"))
    directory.take("tasks/goes.yaml")
    # one of its tasks would not do with the new script: nothing changes
    report = await load(loading)
    (complaint, second) = told(report)
    assert complaint[:2] == ("tasks/follows.yaml", "refused")
    assert second[0] == "templates/base.tick" and second[2].startswith("error reloading associated task stays: ")
    assert counts(report) == (2, 1, 1, 2)
    assert (await task(loading, "follows"))["executing"] and (await task(loading, "stays"))["executing"]
    directory.put("tasks/stays.yaml", made_from("base", n="mem"))
    position = await bus.last_sequence("EVENTS")
    assert counts(await load(loading)) == (3, 2, 0, 0)
    for id in ("follows", "stays"):
        found = await task(loading, id)
        assert (found["script"], found["executing"], list(found["vars"])) == (other, True, ["n"])
    assert "task.moves.disabled" not in await whats_since(bus, position)


BATCH = "var m string\nbatch|query('SELECT v FROM db.rp.cpu').period(1m).every(1m)|log().prefix(m)\n"


async def test_a_template_may_become_one_of_the_other_type_with_its_tasks(
    loading: httpx.AsyncClient, directory: Directory
) -> None:
    directory.put("templates/base.tick", TEMPLATE)
    directory.put("tasks/declared.yaml", made_from("base", m="cpu"))
    await load(loading)
    body = orjson.loads(made_from("base", m="mem"))
    for id, status in (("own", "enabled"), ("off", "disabled")):
        assert (await loading.post(TASKS, json=body | {"id": id, "status": status})).status_code == 200
    for text, kind in ((BATCH, "batch"), (TEMPLATE, "stream")):
        directory.put("templates/base.tick", text)
        report = await load(loading)
        assert (counts(report), told(report)) == ((1, 1, 0, 0), [])
        shown = (await loading.get(f"{TEMPLATES}/base?script-format=raw")).json()
        assert (shown["type"], shown["script"]) == (kind, text)
        for id, runs in (("declared", True), ("own", True), ("off", False)):
            found = await task(loading, id)
            assert (found["type"], found["script"], found["executing"]) == (kind, text, runs)
    # over the API a template keeps its type unless another is asked for
    answer = await loading.patch(f"{TEMPLATES}/base", json={"script": BATCH})
    assert answer.status_code == 400
    for id in ("own", "off"):
        await loading.delete(f"{TASKS}/{id}")


async def test_a_task_whose_dbrps_change_with_its_template_s_type_runs_with_both(
    loading: httpx.AsyncClient, directory: Directory, bus: Bus
) -> None:
    directory.put("templates/base.tick", TEMPLATE)
    for id in ("changes", "stays"):
        directory.put(f"tasks/{id}.yaml", made_from("base", m="cpu"))
    await load(loading)
    position = await bus.last_sequence("EVENTS")
    directory.put("templates/base.tick", BATCH)
    other = orjson.loads(made_from("base", m="cpu")) | {"dbrps": [{"db": "other", "rp": "rp"}]}
    directory.put("tasks/changes.yaml", orjson.dumps(other).decode())
    assert told(await load(loading)) == []
    for id, db in (("changes", "other"), ("stays", "db")):
        found = await task(loading, id)
        assert (found["type"], found["dbrps"], found["executing"]) == ("batch", [{"db": db, "rp": "rp"}], True)
    # it never ran with one and without the other
    whats = await whats_since(bus, position)
    of_it = [what for what in whats if what.startswith(("task.changes", "template"))]
    assert of_it == ["task.changes.disabled", "template.base.updated", "task.changes.updated"]
    assert not any(what.startswith("task.stays") for what in whats)


DBRP = 'dbrp "db"."rp"\n'


def without_dbrps(template: str, **vars: Any) -> str:
    return orjson.dumps(orjson.loads(made_from(template, **vars)) | {"dbrps": []}).decode()


async def test_a_template_keeps_the_dbrps_that_its_tasks_have_from_it(
    loading: httpx.AsyncClient, directory: Directory
) -> None:
    directory.put("templates/base.tick", DBRP + TEMPLATE)
    directory.put("templates/other.tick", DBRP + TEMPLATE)
    for id in ("x", "y", "z", "zz"):
        directory.put(f"tasks/{id}.yaml", without_dbrps("base", m="cpu"))
    await load(loading)
    directory.put("templates/base.tick", TEMPLATE)
    report = await load(loading)
    assert told(report) == [("templates/base.tick", "refused", "must specify dbrp: task x has none but its template's")]
    found = await task(loading, "x")
    assert (found["script"], found["dbrps"], found["executing"]) == (DBRP + TEMPLATE, [{"db": "db", "rp": "rp"}], True)
    # those that have some by their own files now, or another template or none, or are gone, do not hold it up
    directory.put("tasks/x.yaml", made_from("base", m="cpu"))
    directory.put("tasks/y.yaml", without_dbrps("other", m="cpu"))
    directory.take("tasks/z.yaml")
    directory.take("tasks/zz.yaml")
    directory.put("tasks/zz.tick", script("cpu"))
    report = await load(loading)
    assert (counts(report), told(report)) == ((3, 2, 1, 0), [])
    for id, text in (("x", TEMPLATE), ("y", DBRP + TEMPLATE)):
        found = await task(loading, id)
        assert (found["script"], found["dbrps"], found["executing"]) == (text, [{"db": "db", "rp": "rp"}], True)
    # and back: what the template says counts, a file that says so itself too is told of
    directory.put("templates/base.tick", DBRP + TEMPLATE)
    report = await load(loading)
    assert told(report) == [
        ("tasks/x.yaml", "refused", "cannot specify dbrp in both implicitly and explicitly"),
    ]
    directory.put("tasks/x.yaml", without_dbrps("base", m="cpu"))
    assert told(await load(loading)) == []
    assert (await task(loading, "x"))["executing"]


async def test_a_template_that_is_renamed_and_tasks_that_change_what_they_are_made_of(
    loading: httpx.AsyncClient, directory: Directory
) -> None:
    directory.put("templates/old.tick", TEMPLATE)
    for id in ("follows", "becomes", "forgets"):
        directory.put(f"tasks/{id}.yaml", made_from("old", m="cpu"))
    await load(loading)
    directory.take("templates/old.tick")
    directory.put("templates/new.tick", TEMPLATE)
    directory.put("tasks/follows.yaml", made_from("new", m="cpu"))
    directory.take("tasks/becomes.yaml")
    directory.put("tasks/becomes.tick", script("cpu"))
    report = await load(loading)
    # one whose file still names what is gone runs on
    assert told(report) == [
        ("tasks/forgets.yaml", "refused", "unknown template old: err: no template exists"),
    ]
    assert counts(report) == (3, 0, 1, 1)
    for id, template in (("follows", "new"), ("becomes", ""), ("forgets", "old")):
        found = await task(loading, id)
        assert (found["template-id"], found["executing"]) == (template, True)
    directory.take("tasks/becomes.tick")
    directory.put("tasks/becomes.yaml", made_from("new", m="mem"))
    directory.put("tasks/forgets.yaml", made_from("new", m="mem"))
    assert counts(await load(loading)) == (2, 2, 0, 0)
    assert {(await task(loading, id))["template-id"] for id in ("follows", "becomes", "forgets")} == {"new"}
