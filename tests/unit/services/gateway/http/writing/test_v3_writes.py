"""POST /api/v3/write_lp on a real gateway: what clients of InfluxDB 3 do."""

from __future__ import annotations

import gzip

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.http.writing.test_writes import written_after

WRITE = "/api/v3/write_lp"


@pytest.mark.parametrize(
    ("parameters", "subject", "precision", "time"),
    [
        ({"db": "telegraf/autogen", "precision": "second"}, "telegraf.autogen", "s", 5),
        ({"db": "a", "precision": "nanosecond", "no_sync": "true", "accept_partial": "false"}, "a.=", "n", 5),
        ({"db": "named", "precision": "ms"}, "telegraf.week", "ms", 5),
        ({"db": "a/b"}, "a.b", "n", 5_000_000_000),
        ({"db": "a/b", "precision": "auto"}, "a.b", "n", 5_000_000_000),
    ],
)
async def test_a_database_is_what_a_bucket_is(
    start_gateway: StartGateway, bus: Bus, parameters: dict[str, str], subject: str, precision: str, time: int
) -> None:
    line = b"cpu v=1 5"
    async with start_gateway(buckets={"named": "telegraf/week"}) as gateway:
        for body, headers in ((line, {}), (gzip.compress(line), {"Content-Encoding": "gzip"})):
            position = await bus.last_sequence("WRITES")
            answer = await gateway.post(WRITE, params=parameters, content=body, headers=headers)
            assert (answer.status_code, answer.content) == (204, b"")
            (message,) = await written_after(bus, position)
            assert (message.subject, message.data) == (f"tickbus.write.{subject}", b"cpu v=1 %d" % time)
            assert message.headers is not None and message.headers["precision"] == precision


async def test_mistakes_are_told_and_nothing_is_written(gateway: httpx.AsyncClient, bus: Bus) -> None:
    position = await bus.last_sequence("WRITES")
    for parameters, body, text in (
        ({}, b"cpu v=1", "db is required"),
        ({"db": "a", "precision": "h"}, b"cpu v=1", "invalid precision; valid precisions are auto, nanosecond, "),
        ({"db": "a"}, b"cpu v=1\ncpu", "unable to parse 'cpu': missing fields"),
    ):
        answer = await gateway.post(WRITE, params=parameters, content=body)
        assert answer.status_code == 400 and answer.json()["error"].startswith(text)
    assert await bus.last_sequence("WRITES") == position


async def test_who_may_write(start_gateway: StartGateway, bus: Bus) -> None:
    async with start_gateway("closed", auth_enabled=True) as gateway:
        for name, permissions in {"writer": ["write_points"], "none": []}.items():
            user = {"name": name, "password": "pw", "permissions": permissions}
            await bus.request(command_subject("user", "create"), orjson.dumps(user))

        async def status(login: str) -> int:
            headers = {"Authorization": login}
            return (await gateway.post(WRITE, params={"db": "a"}, content=b"m v=1", headers=headers)).status_code

        logins = ("Bearer writer:pw", "Token writer:pw", "Bearer none:pw", "Bearer writer:no", "Bearer x")
        assert [await status(login) for login in logins] == [204, 204, 403, 401, 401]
