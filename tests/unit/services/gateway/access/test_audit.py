"""Who has changed what: in the audit log, and on the facts themselves."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from services.bus.connection import Bus
from services.bus.events import Event, decode, encode
from services.bus.follow import StoredMessage
from services.bus.streams import EVENTS
from services.bus.subjects import command_subject
from services.gateway.access.audit import USER_HEADER
from services.process import log
from tests.support.logs import restored_log
from tests.unit.services.gateway.conftest import StartGateway

__all__ = ["restored_log"]

pytestmark = pytest.mark.usefixtures("restored_log")

TASK = {"type": "stream", "dbrps": [{"db": "d", "rp": "r"}], "script": "stream|from()|httpOut('x')"}
TASKS = "/kapacitor/v1/tasks"


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """The audit log's file."""
    file = tmp_path / "audit"
    log.setup(str(tmp_path / "log"), "ERROR", str(file))
    return file


async def last(bus: Bus) -> Event:
    stored = await bus.get_message(EVENTS, await bus.last_sequence(EVENTS))
    assert stored is not None
    return decode(stored)


async def test_a_change_over_http_says_who_made_it(start_gateway: StartGateway, bus: Bus, audit: Path) -> None:
    async with start_gateway() as client:
        question = {"name": "ann", "password": "secret", "type": "admin"}
        await bus.request(command_subject("user", "create"), orjson.dumps(question), headers={USER_HEADER: "root@host"})
        fact = await last(bus)
        assert (fact.user, fact.via) == ("root@host", "bus")
        assert (await client.post(TASKS, json={**TASK, "id": "one"})).status_code == 200
        fact = await last(bus)
        assert (fact.user, fact.via) == ("", "http 127.0.0.1")
        assert (await client.post(TASKS, json={**TASK, "id": "one"})).status_code == 400
        assert (await client.get(TASKS)).status_code == 200
        assert (await client.post("/write?db=d&rp=r", content=b"m v=1")).status_code == 204
    async with start_gateway("closed", auth_enabled=True) as client:
        name, secret = "bob", "hidden-password"
        question = {"name": name, "password": secret, "permissions": ["api"]}
        await bus.request(command_subject("user", "create"), orjson.dumps(question))
        assert (await client.delete(f"{TASKS}/one", auth=(name, secret))).status_code == 204
        fact = await last(bus)
        assert (fact.kind, fact.what, fact.user, fact.via) == ("task", "deleted", name, "http 127.0.0.1")
        assert (await client.delete("/kapacitor/v1/users/bob", auth=(name, secret))).status_code == 403
        assert (await client.delete(f"{TASKS}/two", auth=(name, "wrong"))).status_code == 401
    lines = [line.partition("msg=")[2].partition(" request-id=")[0] for line in audit.read_text().splitlines()]
    here = "via=http from=127.0.0.1"
    assert [line.partition(" facts=")[0] for line in lines] == [
        '"user create" service=audit user=root@host via=bus status=200',
        f'"POST {TASKS}" service=audit user=anonymous {here} status=200',
        f'"POST {TASKS}" service=audit user=anonymous {here} status=400',
        '"user create" service=audit user=anonymous via=bus status=200',
        f'"DELETE {TASKS}/one" service=audit user=bob {here} status=204',
        f'"DELETE /kapacitor/v1/users/bob" service=audit user=bob {here} status=403',
        f'"DELETE {TASKS}/two" service=audit user=anonymous {here} status=401',
    ]
    text = audit.read_text()
    assert "facts=task/one/defined#" in text and "facts=task/one/deleted#" in text
    assert "secret" not in text and "hidden-password" not in text


async def test_what_a_load_directory_declares_says_so(
    start_gateway: StartGateway, bus: Bus, audit: Path, tmp_path: Path
) -> None:
    (tmp_path / "load" / "tasks").mkdir(parents=True)
    (tmp_path / "load" / "tasks" / "three.tick").write_text('dbrp "d"."r"\nstream|from()|httpOut(\'x\')\n')
    async with start_gateway(load=tmp_path / "load"):
        pass
    (line,) = (line for line in audit.read_text().splitlines() if "/load" in line)
    assert 'user=anonymous via="load directory"' in line and "task/three/defined#" in line


def test_whoever_it_was_survives_the_bus() -> None:
    for event in (
        Event("task", "t", "defined", {}, 1, user="Jürgen %", via="http ::1"),
        Event("task", "t", "defined", {}, 1, via="bus"),
        Event("task", "t", "defined", {}, 1),
    ):
        headers, data = encode(event)
        back = decode(StoredMessage(7, event.subject, data, headers, 1))
        assert (back.user, back.via) == (event.user, event.via)
    assert not {name for name in headers if "auth" in name or "via" in name}
