"""Logging in to InfluxDB with JSON Web Tokens that are signed with a secret that both know."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import jwt
import pytest

from schemas.config import InfluxDB
from services.alerting.handler_base import HandlerContext
from services.alerting.service_tests.registry import run_service_test
from services.alerting.transports.http import Http
from services.connectors import influxdb_login
from services.connectors.influxdb import InfluxDBClient, InfluxDBError
from services.connectors.influxdb_login import login_of
from tests.support.alerts import sink
from tests.support.influx import BINARY, Influxd, influxd

SECRET, OTHER = "s" * 64, "o" * 64
needs_influxd = pytest.mark.skipif(BINARY is None, reason="no influxd here")


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx"), auth=True, secret=SECRET) as server:
        server.query("CREATE USER \"root\" WITH PASSWORD 'another' WITH ALL PRIVILEGES")
        yield server


def cluster(influx: Influxd) -> InfluxDB:
    return InfluxDB(urls=(influx.url,), username="root", http_shared_secret=True)


@needs_influxd
async def test_queries_writes_and_pings_are_logged_in(influx: Influxd) -> None:
    client = InfluxDBClient(cluster(influx), SECRET)
    await client.command("CREATE DATABASE d")
    await client.write(("d", "autogen"), {}, b"m v=1 1")
    assert (await client.query("SELECT v FROM d.autogen.m"))[0]["values"] == [[1, 1]]
    assert [last async for _, last in client.series("SELECT v FROM d.autogen.m")] == [True]
    await client.ping()
    await client.close()


@needs_influxd
async def test_another_secret_lets_nobody_in(influx: Influxd) -> None:
    client = InfluxDBClient(cluster(influx), OTHER)
    with pytest.raises(InfluxDBError, match="signature is invalid"):
        await client.query("SHOW DATABASES")
    await client.close()


async def test_the_test_of_the_service_logs_in_too() -> None:
    http = Http()
    async with sink() as server:
        sections = {"influxdb": (InfluxDB(urls=(server.url,), username="u", http_shared_secret=True),)}
        await run_service_test("influxdb", {"cluster": ""}, HandlerContext(http, sections, shared_secret=SECRET))
    await http.close()
    ((_, headers, _),) = server.posts
    token = {name.lower(): value for name, value in headers.items()}["authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, SECRET, algorithms=["HS512"])["username"] == "u"


def test_a_token_is_made_anew_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0, 1299.0, 1301.0, 5000.0, 10.0]  # the last: it was set back
    monkeypatch.setattr(influxdb_login.time, "time", lambda: clock[len(sent)])
    sent: list[tuple[str, str, int]] = []
    log_in = login_of(InfluxDB(username="u", password="p", http_shared_secret=True), SECRET)
    assert callable(log_in)
    while len(sent) < len(clock):
        kind, token = log_in(httpx.Request("GET", "http://db")).headers["Authorization"].split()
        claims = jwt.decode(token, SECRET, algorithms=["HS512"], options={"verify_exp": False})
        sent.append((kind, claims["username"], claims["exp"]))
    assert sent == [("Bearer", "u", at + 600) for at in (1000, 1000, 1301, 5000, 10)]
