"""Two gateways: what the one has stored is there at the other at once, and no change of either is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.bus.connection import Bus
from services.gateway.commands.publish import publish
from services.gateway.operations.operation import Operation, OperationRequest, Reply
from services.gateway.operations.operation_error import OperationError
from services.gateway.readmodels.looking_again import looking_again
from services.gateway.readmodels.users import UserReadModel
from services.store.store import Store
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway

TASKS = "/kapacitor/v1/tasks"
TASK = {"type": "stream", "dbrps": [{"db": "d", "rp": "r"}], "script": "stream|from()|log()"}


@pytest.fixture
async def two(start_gateway: StartGateway) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    async with start_gateway("one") as one, start_gateway("other") as other:
        yield one, other


async def test_what_one_has_stored_is_there_at_the_other(
    two: tuple[httpx.AsyncClient, httpx.AsyncClient], worker: StandInWorker
) -> None:
    for number in range(20):
        one, other = two if number % 2 else reversed(two)
        id, renamed = f"t{number}", f"new{number}"
        assert (await one.post(TASKS, json={"id": id, **TASK})).status_code == 200
        assert (await other.get(f"{TASKS}/{id}")).status_code == 200
        assert (await one.patch(f"{TASKS}/{id}", json={"id": renamed})).status_code == 200
        assert (await other.patch(f"{TASKS}/{renamed}", json={"status": "enabled"})).status_code == 200
        assert (await other.get(f"{TASKS}/no{number}")).status_code == 404


async def test_changes_at_both_at_once_all_count(
    two: tuple[httpx.AsyncClient, httpx.AsyncClient], worker: StandInWorker
) -> None:
    one, other = two
    await one.post(TASKS, json={"id": "t", **TASK})
    variables = {"type": "int", "value": 1}
    for number in range(10):
        script = f"var n = {number}\nstream|from()|log()"
        answers = await asyncio.gather(
            one.patch(f"{TASKS}/t", json={"script": script}),
            other.patch(f"{TASKS}/t", json={"vars": {"n": variables | {"value": number}}}),
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        seq = max([(await gateway.get(f"{TASKS}/t")).json()["modified"] for gateway in two])
        async with asyncio.timeout(10):
            while (shown := (await other.get(f"{TASKS}/t")).json())["modified"] < seq:
                await asyncio.sleep(0.01)
        assert shown["script"].startswith(f"var n = {number}") and shown["vars"]["n"]["value"] == number


@pytest.mark.parametrize("stored", [True, False])
async def test_it_looks_again_where_the_log_holds_more(bus: Bus, tmp_path: Path, stored: bool) -> None:
    asked: list[int] = []

    async def run(request: OperationRequest) -> Reply:
        asked.append(model.position)
        if stored and len(asked) == 1:
            user = {"admin": True, "permissions": [], "hash": "", "databases": []}
            await publish(bus, "user", f"u{stored}", "defined", user, 0)
        if len(asked) == 1 or not model.names():
            raise OperationError(404, "no user exists")
        return 200, None

    with Store.open(tmp_path / "s", "gateway", durable=False) as store:
        async with UserReadModel(bus, store) as model:
            operation = looking_again(Operation(kind="user", verb="get", about="", run=run), [model])
            request = OperationRequest({}, {}, None, "")
            if stored:
                assert await operation.run(request) == (200, None)
                assert len(asked) == 2 and asked[1] > asked[0]
            else:
                with pytest.raises(OperationError):
                    await operation.run(request)
                assert len(asked) == 1
