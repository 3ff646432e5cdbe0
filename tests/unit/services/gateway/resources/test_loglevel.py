"""The level that all processes log from."""

from __future__ import annotations

import logging

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.subjects import command_subject
from services.process import log

V1 = "/kapacitor/v1"
pytestmark = pytest.mark.usefixtures("agent")


async def test_every_process_takes_a_log_level(gateway: httpx.AsyncClient, bus: Bus) -> None:
    assert (await gateway.post(f"{V1}/loglevel", json={"level": "error"})).status_code == 204
    assert logging.getLogger("tickbus").level == logging.ERROR
    reply = await bus.request(command_subject("loglevel", "update"), b'{"level": "DEBUG"}')
    assert orjson.loads(reply) == {"status": 204, "body": None}
    assert log.get("x").enabled("DEBUG")
