"""The clients over HTTP and over NATS against a server: they can do the same, and fail in the same way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.support.ports import free_port
from tests.support.serve import serve
from tickbus.bus import BusClient
from tickbus.client import Client
from tickbus.errors import Refused, TickbusError, Unavailable, Unreachable
from tickbus.shapes import Dbrp, Event, Topic

DBRP = Dbrp("telegraf")
# As the server formats it.
SCRIPT = """stream
    |from()
        .measurement('cpu')
        .groupBy('host')
    |alert()
        .topic('@')
        .id('{{ index .Tags "host" }}')
        .message('{{ .ID }} is {{ .Level }}')
        .details('')
        .crit(lambda: "idle" < 10.0)
"""
LINES = "cpu,host=a idle=3.5 1700000000\ncpu,host=b idle=90.0 1700000000\ncpu,host=b idle=1.0 1700000007"
EVENTS = [
    Event("a", "CRITICAL", "a is CRITICAL", "", "2023-11-14T22:13:20Z", "0s"),
    Event("b", "CRITICAL", "b is CRITICAL", "", "2023-11-14T22:13:27Z", "0s"),
]


class Where(NamedTuple):
    """http: the API's URL. nats: the bus's, with its credentials."""

    http: str
    nats: str


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Where]:
    folder = tmp_path_factory.mktemp("serve")
    with serve(folder) as url:
        yield Where(url, json.loads((folder / "data" / "state.json").read_text("utf-8"))["nats"])


def test_over_http(where: Where) -> None:
    with Client(where.http) as client:
        client.ping()
        script = SCRIPT.replace("@", "http")
        task = client.define("http", script, [DBRP])
        assert (task.id, task.type, task.dbrps, task.script) == ("http", "stream", (DBRP,), script)
        assert task.enabled and task.executing and not task.error
        for _ in range(2):
            client.write("telegraf", LINES, "autogen", "s", idempotency_key="once")
        assert not client.disable("http").enabled
        assert client.events("http") == EVENTS
        assert client.topics("htt*", "CRITICAL") == [Topic("http", "CRITICAL", 2)]
        assert client.enable("http").executing
        assert client.task("http").enabled
        client.define("off", template_id="", script=script, dbrps=[DBRP], enabled=False)
        assert [(one.id, one.enabled) for one in client.tasks("*f*")] == [("off", False)]
        client.delete("off")
        assert "off" not in [one.id for one in client.tasks()]


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with Client(where.http) as client:
        client.ping()
    with Client("http://tickbus.invalid") as client, pytest.raises(Unreachable, match="refused"):
        client.ping()


def test_what_has_no_method_over_http(where: Where) -> None:
    with Client(where.http) as client:
        for number in range(101):
            client.define(f"many{number:03}", SCRIPT.replace("@", "many"), [DBRP], enabled=False)
        listed = client.pages("/tasks", "tasks", {"pattern": "many*", "fields": ["link"]})
        links = [one["link"]["href"] for one in listed]
        assert links == [f"/kapacitor/v1/tasks/many{number:03}" for number in range(101)]
        assert client.request("GET", links[0], {"script-format": "raw"})["id"] == "many000"
        assert (
            client.request("PATCH", "/tasks/many000", body={"dbrps": [{"db": "d", "rp": "r"}]})["dbrps"][0]["db"] == "d"
        )
        for link in links:
            assert client.request("DELETE", link) is None
        with client.open("/storage/backup") as body:
            assert sum(map(len, body.pieces)) == body.length
        with pytest.raises(Refused) as refused, client.open("/tasks/nobody"):
            pytest.fail("there is nothing to read")
        assert refused.value.status == 404


async def test_over_nats(where: Where) -> None:
    async with await BusClient.connect(where.nats) as client:
        script = SCRIPT.replace("@", "nats")
        task = await client.define("nats", script, [DBRP])
        assert (task.id, task.type, task.dbrps, task.script) == ("nats", "stream", (DBRP,), script)
        assert task.enabled and task.executing and not task.error
        for _ in range(2):
            await client.write("telegraf", LINES, "autogen", "s", idempotency_key="once on the bus")
        assert not (await client.disable("nats")).enabled
        assert await client.events("nats") == EVENTS
        assert await client.topics("nat*", "CRITICAL") == [Topic("nats", "CRITICAL", 2)]
        assert (await client.enable("nats")).executing
        assert (await client.task("nats")).enabled
        await client.define("out", script, [DBRP], enabled=False)
        assert [(one.id, one.enabled) async for one in client.tasks("*u*")] == [("out", False)]
        await client.delete("out")
        assert "out" not in [one.id async for one in client.tasks()]


async def test_what_is_refused(where: Where) -> None:
    with Client(where.http) as http, pytest.raises(Refused, match="no task exists") as over_http:
        http.task("nobody")
    async with await BusClient.connect(where.nats) as bus:
        with pytest.raises(Refused, match="no task exists") as over_nats:
            await bus.task("nobody")
        with pytest.raises(TickbusError, match="name too long"):
            await bus.write("d" * 2000, "m v=1")
        with pytest.raises(TickbusError, match="the bus takes"):
            await bus.write("telegraf", bytes(9 << 20))
    assert over_http.value.status == over_nats.value.status == 404
    with Client(where.http) as http, pytest.raises(Refused, match="must provide TICKscript") as refused:
        http.define("empty")
    assert refused.value.status == 400
    with Client(where.http) as http, pytest.raises(Refused, match="unable to parse"):
        http.write("telegraf", "no line protocol")


async def test_nobody_there() -> None:
    with Client(f"http://127.0.0.1:{free_port()}") as http:
        with pytest.raises(Unreachable):
            http.ping()
        with pytest.raises(Unreachable), http.open("/storage/backup"):
            pytest.fail("nobody is there")
    with pytest.raises(Unavailable):
        await BusClient.connect(f"nats://127.0.0.1:{free_port()}", timeout=0.5)
