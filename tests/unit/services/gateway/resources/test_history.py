"""The resource /history: what a recorder says of the log and of kept states, over HTTP and on the bus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import orjson

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.streams import EVENTS
from services.bus.subjects import command_subject
from services.dryrun.state_history import StateHistory
from services.recorder.history_responder import answering_history
from services.store.store import Store
from tests.support.history import KeptTasks

WRONG = orjson.dumps({"task": ["a", "b"]})
SCRIPT = "stream|from().measurement('m')|stateCount(lambda: TRUE)"


async def test_how_far_back_everything_goes(gateway: httpx.AsyncClient, bus: Bus, tmp_path: Path) -> None:
    refused = await gateway.get("/kapacitor/v1/history")
    assert refused.status_code == 503 and "the recorder" in refused.json()["error"]
    with Store.open(tmp_path / "worker", "test", durable=False) as store:
        async with KeptTasks(bus, store, await WritesLog.open(bus)) as worker:
            await worker.start("counts", SCRIPT)
            place, _ = await worker.write("m x=1")
            await worker.save()
            await worker.kept_at("counts", place)
            await worker.end("counts")
            await worker.until("counts", lambda points: points[-1].why == "end")
            with answering_history(bus, await StateHistory.open(bus)):
                # the server has taken the subscription once it answers something that was asked after it
                await bus.last_sequence(EVENTS)
                found = await _history(gateway)
                named = await _history(gateway, task="counts")
                reply = orjson.loads(await bus.request(command_subject("history", "get"), b"{}"))
                assert await _tasks(gateway, task="nobody") == []
                wrong = orjson.loads(await bus.request(command_subject("history", "get"), WRONG))
    assert reply["status"] == 200 and reply["body"]["tasks"] == found["tasks"]
    assert wrong["status"] == 400 and "task" in wrong["body"]["error"]
    writes = found["writes"]
    assert (writes["last"]["sequence"], writes["messages"]) == (place, 1)
    assert writes["first"] == writes["last"] and writes["first"]["time"].endswith("Z")
    assert found["alerts"]["first"]["time"] is None
    assert found["bytes"] > 0
    (task,) = found["tasks"]
    assert (task["id"], task["states"], task["runs"], task["ended"]) == ("counts", 2, 1, True)
    assert task["newest"] == writes["last"] and task["bytes"] > 0 and "points" not in task
    assert [(p["why"], p["position"], p["enabled"]) for p in named["tasks"][0]["points"]] == [
        ("begin", place - 1, 7),
        ("end", place, 7),
    ]


async def _history(gateway: httpx.AsyncClient, **parameters: str) -> dict[str, Any]:
    answer = await gateway.get("/kapacitor/v1/history", params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def _tasks(gateway: httpx.AsyncClient, **parameters: str) -> Any:
    return (await _history(gateway, **parameters))["tasks"]
