"""Reading sideload sources anew."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import orjson
import pytest

from services.bus.connection import Bus
from services.bus.subjects import request_subject

V1 = "/kapacitor/v1"
pytestmark = pytest.mark.usefixtures("agent")


async def test_why_a_sideload_source_cannot_be_read_anew_is_told(gateway: httpx.AsyncClient, bus: Bus) -> None:
    said = {"error": 'failed to update source "/x": it is not there'}

    async def reload(data: bytes, headers: Mapping[str, str]) -> bytes:
        return orjson.dumps(said)

    answering = bus.answer(request_subject("engine", "reload"), reload)
    answer = await gateway.post(f"{V1}/sideload/reload")
    assert (answer.status_code, answer.json()) == (500, said)
    said["error"] = ""
    assert (await gateway.post(f"{V1}/sideload/reload")).status_code == 204
    answering.stop()
