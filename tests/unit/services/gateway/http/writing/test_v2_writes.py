"""POST /api/v2/write on a real gateway: what Telegraf's output influxdb_v2 does."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import orjson
import pytest

from schemas.config import ConfigError, load_config
from services.bus.connection import Bus
from services.bus.subjects import command_subject
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.http.writing.test_writes import written_after

LINE = b"cpu v=1 5"
WRITE = "/api/v2/write"


@pytest.mark.parametrize(
    ("parameters", "subject", "precision"),
    [
        ({"bucket": "telegraf/autogen", "org": "o", "precision": "s"}, "telegraf.autogen", "s"),
        ({"bucket": "a/b/c"}, "a.b=2Fc", "n"),
        ({"bucket": "telegraf", "precision": "us"}, "telegraf.=", "u"),
        ({"bucket": "named", "precision": "ms"}, "telegraf.week", "ms"),
    ],
)
async def test_a_bucket_is_a_database_and_a_retention_policy(
    start_gateway: StartGateway, bus: Bus, parameters: dict[str, str], subject: str, precision: str
) -> None:
    async with start_gateway(buckets={"named": "telegraf/week"}) as gateway:
        for body, headers in ((LINE, {}), (gzip.compress(LINE), {"Content-Encoding": "gzip"})):
            position = await bus.last_sequence("WRITES")
            answer = await gateway.post(WRITE, params=parameters, content=body, headers=headers)
            assert (answer.status_code, answer.content) == (204, b"")
            (message,) = await written_after(bus, position)
            assert (message.subject, message.data) == (f"tickbus.write.{subject}", LINE)
            assert message.headers is not None and message.headers["precision"] == precision


async def test_mistakes_are_told_as_influxdb_2_does(gateway: httpx.AsyncClient) -> None:
    precision = "invalid precision; valid precision units are ns, us, ms, and s"
    for parameters, body, text in (
        ({}, LINE, "bucket is required"),
        ({"bucket": "a/b", "precision": "h"}, LINE, precision),
        ({"bucket": "a/b"}, b"cpu", "unable to parse 'cpu': missing fields"),
    ):
        answer = await gateway.post(WRITE, params=parameters, content=body)
        assert (answer.status_code, answer.json()) == (400, {"code": "invalid", "message": text})


async def test_a_body_that_is_too_large_may_be_split(start_gateway: StartGateway) -> None:
    async with start_gateway(max_body_size=100) as gateway:
        answer = await gateway.post(WRITE, params={"bucket": "a"}, content=LINE * 100)
        assert (answer.status_code, answer.json()["code"]) == (413, "request too large")


async def test_who_may_write(start_gateway: StartGateway, bus: Bus) -> None:
    async with start_gateway("closed", auth_enabled=True, shared_secret="s" * 32) as gateway:
        for name, permissions in {"writer": ["write_points"], "none": []}.items():
            user = {"name": name, "password": "pw", "permissions": permissions}
            await bus.request(command_subject("user", "create"), orjson.dumps(user))
        await bus.request(command_subject("token", "grant"), orjson.dumps({"token": "tok", "database": "a"}))

        async def answer(token: str, bucket: str = "a/b") -> tuple[int, Any]:
            headers = {"Authorization": f"Token {token}"} if token else {}
            found = await gateway.post(WRITE, params={"bucket": bucket}, content=LINE, headers=headers)
            return found.status_code, found.json()["code"] if found.content else ""

        assert await answer("writer:pw") == await answer("tok") == (204, "")
        assert await answer("tok", "other/b") == await answer("none:pw") == (403, "forbidden")
        assert await answer("writer:wrong") == await answer("what") == await answer("") == (401, "unauthorized")
        for path, status in (("/ping", 204), ("/health", 200), ("/metrics", 401)):
            assert (await gateway.get(path)).status_code == status


def test_a_bucket_that_stands_for_nothing(tmp_path: Any) -> None:
    file = tmp_path / "tickbus.toml"
    file.write_text('[http.buckets]\nb = "/autogen"')
    with pytest.raises(ConfigError, match='the bucket "b" must stand for "DB/RP" or "DB"'):
        load_config(file)
