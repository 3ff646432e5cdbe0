"""Trying out services on the command line."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from services.bus.connection import Bus
from services.bus.subjects import request_subject
from tests.unit.services.cli.commands.conftest import Tickbus


async def test_a_pattern_that_no_service_fits_is_told(bus: Bus, tickbus: Tickbus) -> None:
    async def tests(data: bytes, headers: Mapping[str, str]) -> bytes:
        return orjson.dumps({"log": {"path": "/x"}})

    answering = bus.answer(request_subject("alerting", "tests"), tests)
    code, out, said = await tickbus("service-tests", "post", "--json")
    answering.stop()
    assert (code, out, said) == (0, "[]\n", "no service-tests match post\n")
