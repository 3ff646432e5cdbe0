"""Two tickbuses as guests on one account of somebody's NATS, each as a user that may do what it needs and no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from schemas.config.nats import Nats
from services.bus.account.kept import Wishes
from services.bus.account.permissions import Limits, limits
from services.bus.account.settings import wishes_of
from services.bus.connection import Bus
from services.bus.transport.names import Names
from services.cli.main import main
from tests.crash.processes import Api, Program, Serve
from tests.support.nats import NatsServer

SMALL = {"KAPACITOR_NATS_WRITE_MAX_BYTES": "16m", "KAPACITOR_NATS_ALERT_MAX_BYTES": "16m"}
GUESTS = ("acme", "bolt")
SCRIPT = (
    "stream|from().measurement('m')|alert().id('x').message('{{ index .Fields \"v\" }}').crit(lambda: TRUE).topic('t')"
)
FOREIGN = {"name": "EVENTS", "subjects": ["orders.>"], "max_age": 10**15}


@pytest.fixture
async def nats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[NatsServer]:
    """A server with an account that has as much as two tickbuses need, a foreign stream, and users for both."""
    server = NatsServer(tmp_path / "nats")
    users = [_user(tmp_path, guest, capsys) for guest in GUESTS]
    (tmp_path / "nats" / "nats.conf").write_text(
        f"""
        listen: "127.0.0.1:{server.port}"
        max_payload: 8388608
        jetstream: {{ store_dir: {json.dumps(str(tmp_path / "nats"))} }}
        accounts {{ SHARED {{
          jetstream: {_account(wishes_of(Nats(write_max_bytes=16 << 20, alert_max_bytes=16 << 20)))}
          users: [ {{ user: "owner", password: "secret-of-owner" }}, {", ".join(users)} ]
        }} }}
        """
    )
    server.start()
    try:
        async with await Bus.connect(_url(server, "owner"), "owner") as bus:
            await bus._link.api("STREAM.CREATE.EVENTS", FOREIGN)
        yield server
    finally:
        server.stop()


def _url(server: NatsServer, user: str) -> str:
    return server.url.replace("://", f"://{user}:secret-of-{user}@")


def _user(folder: Path, guest: str, capsys: pytest.CaptureFixture[str]) -> str:
    """A user with the permissions that `tickbus streams --nats-conf` prints."""
    file = folder / f"{guest}.conf"
    file.write_text(f'[nats]\nprefix = "{guest}"\nstream-prefix = "{guest}_"\n')
    assert main(["streams", "--nats-conf", "--config", str(file)]) == 0
    return f'{{ user: "{guest}", password: "secret-of-{guest}", {capsys.readouterr().out} }}'


def _account(wishes: Wishes) -> str:
    room: Limits = limits(wishes, workers=1)
    storage = 2 * room.storage + (64 << 20)  # and what is defined
    streams = 2 * room.streams + 1
    return json.dumps({"max_file": storage, "max_mem": 0, "max_streams": streams, "max_consumers": room.consumers})


async def test_two_guests_do_all_that_tickbus_does_and_do_not_see_each_other(nats: NatsServer, tmp_path: Path) -> None:
    await _default_names_do_not_start(nats, tmp_path)
    files = {}
    for guest in GUESTS:
        files[guest] = tmp_path / f"{guest}.password"
        files[guest].write_text(f"secret-of-{guest}\n")
    first, second = (
        Serve(
            tmp_path / guest,
            environment={
                **SMALL,
                "KAPACITOR_NATS_URL": nats.url,
                "KAPACITOR_NATS_USERNAME": guest,
                "KAPACITOR_NATS_PASSWORD_FILE": str(files[guest]),
                "KAPACITOR_NATS_PREFIX": guest,
                "KAPACITOR_NATS_STREAM_PREFIX": f"{guest}_",
            },
        )
        for guest in GUESTS
    )
    await asyncio.gather(first.start(), second.start())
    try:
        async with Api(first) as acme, Api(second) as bolt:
            for api in (acme, bolt):
                assert (await api.define("same", SCRIPT)).status_code == 200
                recording = {"id": "r", "task": "same", "stop": "2030-01-01T00:00:00Z"}
                assert (await api.call("POST", "/kapacitor/v1/recordings/stream", json=recording)).status_code == 201
            written = await acme.call("POST", "/kapacitor/v1/write?db=db&rp=rp", content=b"m v=1i 1")
            assert written.status_code == 204
            events = "/kapacitor/v1/alerts/topics/t/events"
            async with asyncio.timeout(30):
                while not (answer := (await acme.call("GET", events)).json()).get("events"):
                    await asyncio.sleep(0.05)
            assert answer["events"][0]["state"]["message"] == "1"
            assert not (await bolt.call("GET", events)).json().get("events")
            assert (await bolt.stats("same", "from1"))["emitted"] == 0
            addresses = (await acme.call("GET", "/kapacitor/v1/asyncapi.json")).json()["channels"]
            assert addresses["write"]["address"] == "acme.write.{db}.{rp}"
            assert (await acme.call("GET", "/kapacitor/v1/storage/backup")).content.startswith(b"tickbus backup")
            for path in ("/kapacitor/v1/debug/vars", "/kapacitor/v1/debug/pprof/cmdline", "/kapacitor/v1/config"):
                assert "secret-of" not in (await acme.call("GET", path)).text
            for program in (first, second):
                assert not program.logged("secret-of")
        async with await Bus.connect(_url(nats, "owner"), "owner", names=Names.of("acme", "acme_")) as bus:
            survey = await bus.survey(wishes_of(Nats(write_max_bytes=16 << 20, alert_max_bytes=16 << 20)))
            assert survey.differences == () and "acme_KV_workers" not in survey.missing
        for program in (first, second):
            assert await program.stop() == 0
    finally:
        await asyncio.gather(first.kill(), second.kill())
    assert b"iolation" not in (tmp_path / "nats" / "nats.log").read_bytes()


async def _default_names_do_not_start(nats: NatsServer, tmp_path: Path) -> None:
    """One line, and nothing is made."""
    alone = Program(
        "serve",
        "--http",
        "127.0.0.1:0",
        "--data-dir",
        str(tmp_path / "alone"),
        log=tmp_path / "alone.log",
        environment={"KAPACITOR_NATS_URL": _url(nats, "owner")},
    )
    with pytest.raises(AssertionError, match="is not ready"):
        await alone.start()
    assert alone.tail().splitlines()[-1].startswith("tickbus: the stream EVENTS on this NATS was not made by tickbus")
    async with await Bus.connect(_url(nats, "owner"), "owner") as bus:
        (stream,) = (await bus._link.api("STREAM.LIST", {}))["streams"]
        assert stream["config"].items() >= orjson.loads(orjson.dumps(FOREIGN)).items()
