"""HTTPS: writes on the short path, everything else through Hypercorn, certificates that are good and that are not."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from schemas.config import Config, Http, Nats, Tls
from services.bus.connection import Bus
from services.cli.diagnostics.agent import DiagnosticsAgent
from services.gateway.http.connections.tls import Certificate
from services.process import log
from tests.support.certificates import Pair, in_one, make_pair
from tests.support.nats import NatsServer
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.http.test_plain_writes import PLAIN, ROUNDABOUT, Connection, post, stored_since
from tests.unit.services.gateway.resources.test_tasks import TASKS, body


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return make_pair(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def secure(start_gateway: StartGateway, pair: Pair) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that speaks HTTPS."""
    async with start_gateway(https_enabled=True, **files(pair)) as client:
        yield client


def files(pair: Pair) -> dict[str, str]:
    return {"https_certificate": str(pair.certificate), "https_private_key": str(pair.key)}


async def test_tasks_and_logs(
    secure: httpx.AsyncClient, bus: Bus, worker: StandInWorker, nats_server: NatsServer
) -> None:
    assert (await secure.post(TASKS, json=body("secret", status="enabled"))).status_code == 200
    assert (await secure.get(f"{TASKS}/secret")).json()["executing"]
    async with (
        DiagnosticsAgent("standin", Config(nats=Nats(url=nats_server.url))),
        secure.stream("GET", "/kapacitor/v1preview/logs?task=t1", timeout=10) as answer,
        asyncio.timeout(30),
    ):
        while not log.get("engine").enabled("DEBUG"):
            await asyncio.sleep(0.01)
        log.get("engine").debug("told", task="t1")
        assert "msg=told" in await anext(answer.aiter_lines())
    log.set_level("INFO")


@pytest.mark.parametrize("way", [PLAIN, ROUNDABOUT])
async def test_writes_either_way(secure: httpx.AsyncClient, bus: Bus, pair: Pair, way: bytes) -> None:
    position = await bus.last_sequence("WRITES")
    lines = b"".join(b"cpu,host=h%d v=%d\n" % (number % 100, number) for number in range(100_000))
    async with Connection(secure, way, ssl.create_default_context(cafile=pair.certificate)) as connection:
        answers = await connection.request(post(b"?db=a&rp=b", b"cpu v=1") + post(b"?db=a&rp=b", lines), 2)
        assert [answer[9:12] for answer in answers] == [b"204", b"204"]
        assert (await connection.request(post(b"?db=a", b"cpu")))[0][9:12] == b"400"
    assert [data for _, data, _ in await stored_since(bus, position)] == [b"cpu v=1", lines]


async def test_plain_http_is_not_answered(secure: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        async with httpx.AsyncClient() as plain:
            await plain.get(f"http://{secure.base_url.host}:{secure.base_url.port}/kapacitor/v1/ping")


async def test_old_versions_are_not_spoken(secure: httpx.AsyncClient, pair: Pair) -> None:
    context = ssl.create_default_context(cafile=pair.certificate)
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        await asyncio.open_connection(secure.base_url.host, secure.base_url.port, ssl=context)


@pytest.mark.parametrize("asked", [False, True])
async def test_a_gateway_stops_while_a_client_stays_and_does_not_read(
    start_gateway: StartGateway, pair: Pair, asked: bool
) -> None:
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context(cafile=pair.certificate)
    async with start_gateway(https_enabled=True, shutdown_timeout=60.0, **files(pair)) as client:
        reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port, ssl=context)
        if asked:
            writer.write(post(b"?db=a", b"cpu v=1").replace(b"@", b""))
            assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        began = loop.time()
    assert loop.time() - began < 10
    writer.close()


async def test_the_certificate_is_read_again(start_gateway: StartGateway, pair: Pair, tmp_path: Path) -> None:
    served = tmp_path / "served.pem"
    served.write_bytes(in_one(pair).read_bytes())
    other = make_pair(tmp_path, "other")

    async def subject(client: httpx.AsyncClient) -> str:
        context = ssl.create_default_context(cafile=pair.certificate)
        context.load_verify_locations(other.certificate)
        address = client.base_url.host, client.base_url.port
        _, writer = await asyncio.open_connection(*address, ssl=context)
        writer.close()
        return str(dict(x[0] for x in writer.get_extra_info("peercert")["subject"])["commonName"])

    async def told(text: str) -> None:
        again.set()
        async with asyncio.timeout(30):
            while text not in "".join(lines):
                await asyncio.sleep(0.01)

    again = asyncio.Event()
    lines: list[str] = []
    log.listen(lines.append, "INFO")
    try:
        async with start_gateway(again=again, https_enabled=True, https_certificate=str(served)) as client:
            assert await subject(client) == "server"
            served.write_text("no certificate")
            await told("the old one stays")
            assert await subject(client) == "server"
            served.write_bytes(in_one(other).read_bytes())
            await told("certificate read again")
            assert await subject(client) == "other"
    finally:
        log.listen(None)


def test_files_that_are_no_good_are_named(pair: Pair, tmp_path: Path) -> None:
    other, closed = make_pair(tmp_path, "other"), make_pair(tmp_path, "closed", "secret")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    certificate, key = str(pair.certificate), str(pair.key)
    for file, its_key, complaint in [
        ("/nowhere/x.pem", "", "the certificate file cannot be read: /nowhere/x.pem: No such file or directory"),
        (certificate, "/nowhere/x.key", "the private key file cannot be read: /nowhere/x.key: No such file"),
        (certificate, "", f"there is no private key in PEM form in {certificate}"),
        (key, key, f"there is no certificate in PEM form in {key}"),
        (certificate, str(other.key), f"the key in {other.key} is not that of the certificate in {certificate}"),
        (str(closed.certificate), str(closed.key), f"the private key in {closed.key} is encrypted"),
        (str(broken), key, f"{broken} and {key} cannot be used: "),
        (str(tmp_path), "", f"the certificate file cannot be read: {tmp_path}: Is a directory"),
    ]:
        with pytest.raises(OSError) as problem:
            Certificate(Http(https_certificate=file, https_private_key=its_key), Tls())
        assert str(problem.value).startswith(f"HTTPS: {complaint}")


def test_which_versions_are_spoken(pair: Pair) -> None:
    http = Http(https_certificate=str(in_one(pair)))
    for tls, versions in [
        (Tls(), (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)),
        (Tls(min_version="tls1.3"), (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)),
        (Tls(max_version="tls1.2"), (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)),
    ]:
        context = Certificate(http, tls).context
        assert (context.minimum_version, context.maximum_version) == versions
