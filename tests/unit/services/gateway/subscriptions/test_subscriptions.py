"""Subscriptions in a real InfluxDB: which there are, what comes by them, and what changes of the configuration do."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.config import InfluxDB
from schemas.requests.gateway import GATEWAY_LINK
from services.bus.connection import Bus
from services.bus.streams import WRITES
from services.bus.subjects import command_subject, request_subject, write_subject
from services.connectors.influxdb import InfluxDBClient
from services.gateway.subscriptions.catalogue import Catalogue
from services.gateway.subscriptions.records import Records
from tests.support.influx import BINARY, Influxd, influxd
from tests.support.influx_proxy import influx_proxy
from tests.support.logs import logged, restored_log
from tests.support.ports import free_port
from tests.unit.services.gateway.conftest import StartGateway

__all__ = ["logged", "restored_log"]

pytestmark = pytest.mark.skipif(BINARY is None, reason="no influxd here")

V1 = "/kapacitor/v1"
SECONDS = 20.0
Place = tuple[str, str]


@pytest.fixture(scope="module")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with influxd(tmp_path_factory.mktemp("influx")) as server:
        yield server


@pytest.fixture(autouse=True)
def database(influx: Influxd) -> Iterator[str]:
    influx.query("CREATE DATABASE d WITH NAME week")
    yield "d"
    for row in influx.rows("SHOW DATABASES"):
        influx.query(f'DROP DATABASE "{row["name"]}"')


_clusters = (f"c{number}" for number in itertools.count())


def cluster(influx: Influxd, **settings: Any) -> InfluxDB:
    """One that no test before had: records of it outlast a gateway."""
    return InfluxDB(name=next(_clusters), urls=(influx.url,), subscriptions_sync_interval=3600.0, **settings)


async def linked(client: httpx.AsyncClient, **more: Any) -> None:
    """Returns once the subscriptions were seen to; no gateway does before it has claimed that."""
    async with asyncio.timeout(SECONDS):
        while (answer := await client.post(f"{V1}/subscriptions", **more)).status_code == 503:
            await asyncio.sleep(0.1)
    assert answer.status_code == 204, answer.text


def subscriptions(influx: Influxd) -> dict[Place, tuple[str, str, list[str]]]:
    """Name, mode and destinations by place."""
    return {
        (series["name"], policy): (name, mode, destinations)
        for series in influx.query("SHOW SUBSCRIPTIONS")
        for policy, name, mode, destinations in series["values"]
    }


def write(influx: Influxd, line: str, database: str = "d") -> None:
    answer = httpx.post(f"{influx.url}/write", params={"db": database}, content=line)
    assert answer.status_code == 204, answer.text


async def arrived(bus: Bus, influx: Influxd, place: Place = ("d", "week")) -> str:
    """What comes of a write to InfluxDB. (It knows of a new subscription a moment after it says so.)"""
    after = await bus.last_sequence(WRITES)
    async with asyncio.timeout(SECONDS), bus.follow(WRITES, [write_subject(*place)], after) as follower:
        while True:
            write(influx, "m,t=a v=1 1000000000")
            try:
                async with asyncio.timeout(1):
                    return (await follower.batch())[0].data.decode().partition("\n")[0]
            except TimeoutError:
                continue


def here(client: httpx.AsyncClient) -> str:
    return f"localhost:{client.base_url.port}"


async def change(client: httpx.AsyncClient, of: InfluxDB, **settings: Any) -> None:
    answer = await client.post(f"{V1}/config/influxdb/{of.name}", json={"set": settings})
    assert answer.status_code == 204, answer.text


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():
            await asyncio.sleep(0.05)


async def test_what_is_written_to_influxdb_comes_here(start_gateway: StartGateway, influx: Influxd, bus: Bus) -> None:
    one = cluster(influx)
    async with start_gateway(influxdb=(one,)) as gateway:
        await linked(gateway)
        (found,) = subscriptions(influx).items()
        place, (name, mode, destinations) = found
        assert (place, mode, destinations) == (("d", "week"), "ANY", [f"http://{here(gateway)}"])
        shown = (await gateway.get(f"{V1}/debug/vars")).json()
        assert (name, shown["num_subscriptions"]) == (f"kapacitor-{shown['cluster_id']}", 1)
        assert await arrived(bus, influx) == "m,t=a v=1 1000000000"
        influx.query("CREATE DATABASE later")
        await linked(gateway)
        assert set(subscriptions(influx)) == {("d", "week"), ("later", "autogen")}
        metrics = (await gateway.get("/metrics")).text
        assert f'tickbus_influxdb_subscriptions{{cluster="{one.name}"}} 2' in metrics
        assert f'tickbus_influxdb_subscriptions_up{{cluster="{one.name}"}} 1' in metrics
    assert len(subscriptions(influx)) == 2, "they outlast the gateway"


async def test_a_change_of_the_configuration_makes_and_drops_them(start_gateway: StartGateway, influx: Influxd) -> None:
    for name in ("a", "b", "_kapacitor"):
        influx.query(f"CREATE DATABASE {name}")
    one = cluster(influx, subscriptions={"a": ("autogen",), "_kapacitor": ("autogen",), "none": ("such",)})
    async with start_gateway(influxdb=(one,)) as gateway:
        await linked(gateway)
        assert set(subscriptions(influx)) == {("a", "autogen")}, "by default _kapacitor is excluded"
        await change(gateway, one, **{"subscriptions": {}, "excluded-subscriptions": {"a": ["autogen"]}})
        all_others = {("b", "autogen"), ("d", "week"), ("_kapacitor", "autogen")}
        await eventually(lambda: set(subscriptions(influx)) == all_others)
        await change(gateway, one, **{"kapacitor-hostname": "127.0.0.1", "subscription-path": "p", "http-port": 9})
        url = ["http://127.0.0.1:9/p"]
        await eventually(lambda: [found[2] for found in subscriptions(influx).values()] == [url] * 3)
        await change(gateway, one, **{"subscription-mode": "server"})
        await linked(gateway)
        server = (await gateway.get(f"{V1}/debug/vars")).json()["server_id"]
        assert {found[0] for found in subscriptions(influx).values()} == {f"kapacitor-{server}"}
        await change(gateway, one, **{"disable-subscriptions": True})
        await eventually(lambda: not subscriptions(influx))
        await change(gateway, one, **{"disable-subscriptions": False})
        await eventually(lambda: len(subscriptions(influx)) == 3)
        await change(gateway, one, enabled=False)
        await eventually(lambda: not subscriptions(influx))


async def test_a_change_of_the_configuration_counts_while_it_is_asked_whether_any_were_made(
    start_gateway: StartGateway, influx: Influxd, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, changed = asyncio.Event(), asyncio.Event()
    are_there = Records.are_there

    async def none_yet(records: Records) -> bool:
        if asked.is_set():
            return await are_there(records)
        asked.set()
        await changed.wait()
        return False

    monkeypatch.setattr(Records, "are_there", none_yet)
    at = cluster(influx, disable_subscriptions=True)
    async with start_gateway(influxdb=(at,)) as client, asyncio.timeout(SECONDS):
        await asked.wait()
        await change(client, at, **{"disable-subscriptions": False})
        changed.set()
        await linked(client)
        assert ("d", "week") in subscriptions(influx)


async def test_a_configuration_file_that_disables_them_drops_them_at_the_start(
    start_gateway: StartGateway, influx: Influxd
) -> None:
    one = cluster(influx)
    async with start_gateway(influxdb=(one,)) as gateway:
        await linked(gateway)
    off = InfluxDB(name=one.name, urls=one.urls, disable_subscriptions=True)
    async with start_gateway(influxdb=(off,)) as gateway:
        await eventually(lambda: not subscriptions(influx))
        assert (await gateway.post(f"{V1}/subscriptions")).status_code == 204


async def test_with_authentication_each_has_a_token_that_may_write_to_its_database(
    start_gateway: StartGateway, influx: Influxd, bus: Bus
) -> None:
    influx.query("CREATE DATABASE other")
    one = cluster(influx)
    root = {"name": "root", "password": "root's", "type": "admin"}
    async with start_gateway(influxdb=(one,), auth_enabled=True) as gateway:
        await bus.request(command_subject("user", "create"), orjson.dumps(root))
        await linked(gateway, auth=("root", "root's"))
        found = subscriptions(influx)
        tokens = {
            place[0]: re.fullmatch(rf"http://~subscriber:([-\w]+)@{here(gateway)}", destinations[0])[1]  # type: ignore[index]
            for place, (_, _, destinations) in found.items()
        }
        assert len(set(tokens.values())) == 2
        assert await arrived(bus, influx) == "m,t=a v=1 1000000000"
        user = ("~subscriber", tokens["d"])
        answers = [
            await gateway.post("/write", params={"db": database}, content=b"m v=1", auth=user)
            for database in ("d", "other")
        ]
        answers.append(await gateway.get(f"{V1}/tasks", auth=user))
        assert [answer.status_code for answer in answers] == [204, 401, 403]
    async with start_gateway(influxdb=(one,), auth_enabled=True, name="anew") as again:
        await linked(again, auth=("root", "root's"))
        assert subscriptions(influx).keys() == found.keys()
        influx.query("DROP DATABASE other")
        await linked(again, auth=("root", "root's"))
        listed = orjson.loads(await bus.request(command_subject("token", "list"), b""))["body"]["tokens"]
        assert [token["databases"] for token in listed] == [["d"]], "those that nothing uses are revoked"


async def test_it_logs_in_with_the_shared_secret(start_gateway: StartGateway, tmp_path: Path) -> None:
    directory, secret = tmp_path / "auth", "s" * 64
    directory.mkdir()
    with influxd(directory, auth=True, secret=secret) as locked:
        locked.query("CREATE USER root WITH PASSWORD 'p' WITH ALL PRIVILEGES")
        httpx.post(f"{locked.url}/query", params={"q": "CREATE DATABASE d", "u": "root", "p": "p"}).raise_for_status()
        one = cluster(locked, username="root", http_shared_secret=True)
        async with start_gateway(influxdb=(one,), shared_secret=secret) as gateway:
            await linked(gateway)
            with_password = InfluxDBClient(replace(one, password="p", http_shared_secret=False))
            assert [series["name"] for series in await with_password.query("SHOW SUBSCRIPTIONS")] == ["d"]
            await with_password.close()


async def test_an_answer_of_the_gateway_that_keeps_them_that_is_none_is_told(
    start_gateway: StartGateway, bus: Bus, influx: Influxd
) -> None:
    async def nonsense(data: bytes, headers: Mapping[str, str]) -> bytes:
        return b'{"error": 5}'

    other = bus.answer(request_subject(*GATEWAY_LINK.tokens()), nonsense)
    try:
        async with start_gateway(influxdb=(cluster(influx),)) as gateway:
            async with asyncio.timeout(SECONDS):
                while "cannot be read" not in (answer := await gateway.post(f"{V1}/subscriptions")).text:
                    await asyncio.sleep(0.1)
            assert answer.status_code == 503
    finally:
        other.stop()


async def test_those_of_others_are_left_and_told_of_but_not_under_our_name(
    start_gateway: StartGateway, influx: Influxd, logged: Callable[[str], list[str]]
) -> None:
    one = cluster(influx)
    influx.query("CREATE DATABASE e")
    influx.query("CREATE SUBSCRIPTION kapacitor ON e.autogen DESTINATIONS ALL 'http://elsewhere:1'")
    async with start_gateway(influxdb=(one,)) as gateway:
        await linked(gateway)
        right = subscriptions(influx)
        name, _, _ = right["d", "week"]
        assert right["e", "autogen"][0] == name, "what Kapacitor before 1.0 made is taken over"
        influx.query(f'DROP SUBSCRIPTION "{name}" ON d.week')
        influx.query(f"CREATE SUBSCRIPTION \"{name}\" ON d.week DESTINATIONS ANY 'http://elsewhere:9092'")
        influx.query(f"CREATE SUBSCRIPTION mine ON d.week DESTINATIONS ALL 'http://{here(gateway)}'")
        await linked(gateway)
        await linked(gateway)
        found = [series["values"] for series in influx.query("SHOW SUBSCRIPTIONS") if series["name"] == "d"]
        assert sorted(row[1] for row in found[0]) == sorted([name, "mine"])
        influx.query("DROP SUBSCRIPTION mine ON d.week")
        assert subscriptions(influx) == right
    assert "http://elsewhere:9092" in logged("subscription dropped")[-1]
    (told,) = logged("another subscription leads here too, so that every point comes twice")
    assert 'DROP SUBSCRIPTION \\"mine\\"' in told


async def test_a_database_that_is_dropped_meanwhile_does_not_keep_others_from_theirs(
    start_gateway: StartGateway, influx: Influxd, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = Catalogue.places

    async def dropped_then(catalogue: Catalogue) -> list[Place]:
        influx.query("CREATE DATABASE c")
        found = await places(catalogue)
        influx.query("DROP DATABASE c")
        return found

    monkeypatch.setattr(Catalogue, "places", dropped_then)
    one = cluster(influx, excluded_subscriptions={})
    async with start_gateway(influxdb=(one,)) as gateway:
        await linked(gateway)
        assert set(subscriptions(influx)) == {("d", "week")}


async def test_a_protocol_that_is_not_spoken_is_told_of(
    start_gateway: StartGateway, influx: Influxd, logged: Callable[[str], list[str]]
) -> None:
    wrong = cluster(influx, subscription_protocol="https")
    async with start_gateway(influxdb=(wrong,)):
        await eventually(lambda: bool(logged("subscription-protocol is not what this gateway speaks")))
    (told,) = logged("subscription-protocol is not what this gateway speaks")
    assert f"cluster={wrong.name} speaks=http" in told


async def test_all_gateways_are_in_them_and_another_goes_on_with_them(
    start_gateway: StartGateway, influx: Influxd
) -> None:
    one = cluster(influx)
    async with start_gateway("one", influxdb=(one,)) as first:
        await linked(first)
        async with start_gateway("two", influxdb=(one,)) as second:
            both = sorted(f"http://{here(gateway)}" for gateway in (first, second))

            async def seen() -> bool:
                await linked(second)
                return subscriptions(influx)["d", "week"][1:] == ("ANY", both)

            async with asyncio.timeout(SECONDS):
                while not await seen():
                    await asyncio.sleep(0.05)
            await asyncio.to_thread(influx.query, "CREATE DATABASE e")
        await linked(first)
        assert [found[2] for found in subscriptions(influx).values()] == [both, both]
    async with start_gateway("two", influxdb=(one,)) as anew:
        await linked(anew)
        moved = sorted(f"http://{here(gateway)}" for gateway in (first, anew))
        assert [found[2] for found in subscriptions(influx).values()] == [moved, moved]


async def test_an_influxdb_that_is_away_stops_nothing_and_is_subscribed_to_once_it_is_there(
    start_gateway: StartGateway, tmp_path: Path, logged: Callable[[str], list[str]]
) -> None:
    directory = tmp_path / "away"
    directory.mkdir()
    late = Influxd(directory, port=free_port())
    one = InfluxDB(name=next(_clusters), urls=(late.url,), subscriptions_sync_interval=0.5, startup_timeout=0.1)
    try:
        async with start_gateway(influxdb=(one,)) as gateway:
            async with asyncio.timeout(SECONDS):
                while (answer := await gateway.post(f"{V1}/subscriptions")).status_code == 503:
                    await asyncio.sleep(0.1)
            assert answer.status_code == 500
            assert f"failed to link subscriptions: linking cluster {one.name}: " in answer.json()["error"]
            await eventually(lambda: bool(logged("subscriptions cannot be kept for longer than startup-timeout")))
            down = f'tickbus_influxdb_subscriptions_up{{cluster="{one.name}"}} 0'
            assert down in (await gateway.get("/metrics")).text
            await asyncio.to_thread(late.start)
            await asyncio.to_thread(late.query, "CREATE DATABASE d WITH NAME week")
            await eventually(lambda: ("d", "week") in subscriptions(late))
            assert len(logged("subscriptions cannot be kept, trying again")) == 1
    finally:
        late.stop()


async def test_an_influxdb_that_fails_keeps_what_there_is_and_gathers_no_tokens(
    start_gateway: StartGateway, influx: Influxd, bus: Bus
) -> None:
    root = {"name": "root", "password": "root's", "type": "admin"}
    auth = ("root", "root's")
    with influx_proxy(influx.url) as proxy:
        one = replace(cluster(influx), urls=(proxy.url,))
        async with start_gateway(influxdb=(one,), auth_enabled=True) as gateway:
            await bus.request(command_subject("user", "create"), orjson.dumps(root))
            await linked(gateway, auth=auth)
            before = subscriptions(influx)
            influx.query("CREATE DATABASE e")
            for beginning in ("SHOW DATABASES", "SHOW RETENTION", "SHOW SUBSCRIPTIONS", "CREATE", "CREATE", "CREATE"):
                proxy.fails = beginning
                answer = await gateway.post(f"{V1}/subscriptions", auth=auth)
                assert answer.status_code == 500 and answer.json()["error"].endswith("the disk is full")
                assert subscriptions(influx) == before
            assert len(await _tokens(bus)) <= 2, "that of the last try, at most"
            proxy.fails = None
            await linked(gateway, auth=auth)
            assert subscriptions(influx).keys() == {("d", "week"), ("e", "autogen")}
            assert sorted(await _tokens(bus)) == [["d"], ["e"]]


async def test_an_influxdb_that_hangs_holds_up_no_other(
    start_gateway: StartGateway, influx: Influxd, logged: Callable[[str], list[str]]
) -> None:
    with influx_proxy(influx.url) as proxy:
        proxy.hangs = "SHOW DATABASES"
        # by its name it is looked at first
        hanging = replace(cluster(influx), name="a-hangs", urls=(proxy.url,), timeout=0.5, startup_timeout=0.1)
        async with start_gateway(influxdb=(hanging, cluster(influx))) as gateway:
            await eventually(lambda: ("d", "week") in subscriptions(influx))
            await eventually(lambda: bool(logged("subscriptions cannot be kept for longer than startup-timeout")))
            influx.query("CREATE DATABASE e")
            answer = await gateway.post(f"{V1}/subscriptions")
            assert answer.status_code == 500
            assert answer.json()["error"].startswith("failed to link subscriptions: linking cluster a-hangs: ")
            assert "ReadTimeout" in answer.json()["error"]
            assert ("e", "autogen") in subscriptions(influx), "which the other cluster was asked for all the same"


async def _tokens(bus: Bus) -> list[list[str]]:
    """The databases of each token."""
    listed = orjson.loads(await bus.request(command_subject("token", "list"), b""))["body"]["tokens"]
    return [token["databases"] for token in listed]


async def test_over_udp_each_has_a_port_which_it_keeps(start_gateway: StartGateway, influx: Influxd, bus: Bus) -> None:
    influx.query("CREATE DATABASE e")
    one = cluster(influx, subscription_protocol="udp", udp_bind="127.0.0.1", kapacitor_hostname="127.0.0.1")
    async with start_gateway(influxdb=(one,)) as gateway:
        await linked(gateway)
        made = subscriptions(influx)
        assert await arrived(bus, influx) == "m,t=a v=1 1000000000"
        shown = (await gateway.get(f"{V1}/debug/vars")).json()["kapacitor"].values()
        counted = {one["tags"]["bind"]: one["values"]["points_rx"] for one in shown if one["name"] == "udp"}
        assert counted.pop(made["d", "week"][2][0].removeprefix("udp://")) >= 1
        assert list(counted.values()) == [0]
    assert len({destinations[0] for _, _, destinations in made.values()}) == 2
    async with start_gateway(influxdb=(one,)) as gateway:
        await linked(gateway)
        assert subscriptions(influx) == made
        assert await arrived(bus, influx) == "m,t=a v=1 1000000000"
        await change(gateway, one, **{"subscription-protocol": "http"})
        await eventually(lambda: {found[2][0][:7] for found in subscriptions(influx).values()} == {"http://"})
