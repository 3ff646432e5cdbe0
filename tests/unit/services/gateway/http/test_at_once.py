"""Many clients change the same resources at once over two gateways: one order, nothing that was answered is lost."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import httpx
import pytest

from services.bus import events
from services.bus.connection import Bus
from services.bus.streams import EVENTS
from services.store.folds import tasks as task_fold
from services.store.folds.state import State
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.resources.test_tasks import TASKS, body
from tests.unit.services.gateway.resources.test_templates import OLD, TEMPLATES, task

PARTS = ("dbrps", "vars", "script")


async def whole_log(bus: Bus) -> list[events.Event]:
    """Every event about tasks, templates and runs that there is now."""
    found: list[events.Event] = []
    last = max([await bus.last_subject_sequence(subject) for subject in task_fold.SUBJECTS])
    async with bus.follow(EVENTS, task_fold.SUBJECTS) as follower:
        while not found or found[-1].seq < last:
            found += map(events.decode, await follower.batch())
    return found


def folded(log: list[events.Event]) -> dict[str, Any]:
    """What all these events make of the tasks."""
    state = State()
    for event in log:
        task_fold.fold(state, event)
    return dict(state.bucket(task_fold.TASKS))


def part(number: int) -> dict[str, Any]:
    """What one of the clients changes: a third of them dbrps, a third vars, a third the script."""
    return (
        {"dbrps": [{"db": f"db{number}", "rp": "rp"}]},
        {"vars": {f"v{number}": {"type": "int", "value": number, "description": ""}}},
        {"script": f"stream|from().measurement('m{number}')"},
    )[number % 3]


@pytest.mark.parametrize("status", ["enabled", "disabled"])
async def test_of_ten_changes_of_one_task_at_once_none_is_lost(
    start_gateway: StartGateway, bus: Bus, worker: StandInWorker, status: str
) -> None:
    id = f"busy.{status}"
    async with start_gateway("one") as one, start_gateway("two") as two:
        assert (await one.post(TASKS, json=body(id, status=status))).status_code == 200
        clients = [part(number) for number in range(10)]
        # the last but one turns the status round together with what it changes
        clients[8] |= {"status": "disabled" if status == "enabled" else "enabled"}

        async def change(number: int) -> httpx.Response:
            return await (one, two)[number % 2].patch(f"{TASKS}/{id}", json=clients[number])

        answers = await asyncio.gather(*map(change, range(10)))
        assert [answer.text for answer in answers if answer.status_code != 200] == []
        log = [e for e in await whole_log(bus) if (e.kind, e.id) == ("task", id)]
        assert [e.what for e in log] == ["defined"] + ["updated"] * 10
        changed = [
            {key: new.data[key] for key in PARTS if new.data[key] != old.data[key]}
            for old, new in itertools.pairwise(log)
        ]
        parts = [{key: client[key] for key in PARTS if key in client} for client in clients]
        assert sorted(changed, key=str) == sorted(parts, key=str)
        last = {key: value for change in changed for key, value in change.items()}
        for client in (one, two):
            shown = (await client.get(f"{TASKS}/{id}?script-format=raw")).json()
            assert {key: shown[key] for key in PARTS} == last
            assert shown["status"] == clients[8]["status"]
            assert shown["executing"] is (shown["status"] == "enabled")


async def test_a_template_may_change_while_its_tasks_are_changed_renamed_and_deleted(
    start_gateway: StartGateway, bus: Bus, worker: StandInWorker
) -> None:
    async with start_gateway("one") as one, start_gateway("two") as two:
        both = (one, two)
        assert (await one.post(TEMPLATES, json={"id": "race", "script": OLD})).status_code == 200
        for n in range(6):
            status = ("enabled", "disabled")[n % 2]
            assert (await one.post(TASKS, json=task(f"race{n}", "race", status=status))).status_code == 200
        await two.get(f"{TASKS}/race5")

        async def rewrite(n: int) -> int:
            return (await both[n % 2].patch(f"{TEMPLATES}/race", json={"script": f"{OLD} // {n}"})).status_code

        async def patch(n: int) -> int:
            vars = {"m": {"type": "string", "value": f"mem{n}"}}
            return (await both[n % 2].patch(f"{TASKS}/race{n}", json={"vars": vars})).status_code

        async def rename(n: int) -> int:
            return (await both[(n + 1) % 2].patch(f"{TASKS}/race{n}", json={"id": f"raced{n}"})).status_code

        async def delete(n: int) -> int:
            return (await both[n % 2].delete(f"{TASKS}/race{n}")).status_code

        work = [rewrite(n) for n in range(4)] + [patch(n) for n in range(6)]
        work += [rename(n) for n in (0, 1, 2, 3)] + [delete(n) for n in (2, 3, 4, 5)]
        answers = await asyncio.gather(*work)
        rewritten, patched, renamed, deleted = answers[:4], answers[4:10], answers[10:14], answers[14:]
        assert (rewritten, deleted) == ([200] * 4, [204] * 4)
        assert {*patched, *renamed} <= {200, 404}
        assert renamed[:2] == [200, 200]
        tasks = folded(await whole_log(bus))
        expected = {"raced0", "raced1", *(f"raced{n}" for n in (2, 3) if renamed[n] == 200)}
        assert {id for id in tasks if id.startswith("race")} == expected
        for client in both:
            script = (await client.get(f"{TEMPLATES}/race?script-format=raw")).json()["script"]
            listed = (await client.get(f"{TASKS}?pattern=race*&script-format=raw")).json()["tasks"]
            assert {one["id"] for one in listed} == expected
            for shown in listed:
                number = int(shown["id"][-1])
                assert shown["script"] == script
                assert shown["vars"]["m"]["value"] == (f"mem{number}" if patched[number] == 200 else "cpu")
                assert shown["executing"] is (shown["status"] == "enabled")
                assert shown["status"] == ("enabled", "disabled")[number % 2]
