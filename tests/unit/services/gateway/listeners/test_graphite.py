"""Graphite's lines: what is made of them, held against Kapacitor 1.5.7, and how they come."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from schemas.config.inputs.graphite import Graphite
from services.bus.connection import Bus
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.graphite import GraphiteListener, GraphiteParser, NotANumber
from tests.unit.services.gateway.http.writing.test_writes import written_after
from tests.unit.services.gateway.listeners.points import in_order, shown
from tests.unit.services.gateway.listeners.test_udp import send, until

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "graphite.json").read_text())
"""lines, and the points that Kapacitor made of them with TEMPLATED and with no template."""

TEMPLATED = Graphite(
    separator="_",
    tags=("region=us-east", "zone=1c"),
    templates=(
        "*.app env.service.resource.measurement",
        "servers.* .host.measurement*",
        "servers.localhost.* .host.measurement.field* extra=yes,region=eu",
        "stats.*.host.* .a.b.measurement.field",
        "twice.* .host.host.measurement",
        "bad.* .field*.measurement*",
        "two.* .measurement.field.field",
        "short.* .x.y.z.measurement",
        ".host.measurement*",
    ),
)


def parsed(settings: Graphite, lines: list[str]) -> bytes:
    parser = GraphiteParser(settings)
    points = []
    for line in lines:
        try:
            points.append(parser.parse(line, 0))
        except ValueError:
            continue
    return b"\n".join(points)


@pytest.mark.parametrize(("settings", "of"), [(TEMPLATED, "templates"), (Graphite(), "none")])
def test_points_are_those_of_kapacitor(settings: Graphite, of: str) -> None:
    lines = [line.encode("latin-1").decode(errors="replace") for line in RECORDED["lines"]]
    assert shown(parsed(settings, lines)) == in_order(RECORDED[of])


@pytest.mark.parametrize("line", ["a.b.c 5", "a.b.c 5 -1"])
def test_a_line_without_a_time_is_of_now(line: str) -> None:
    assert GraphiteParser(Graphite()).parse(line, 77) == b"a.b.c value=5 77"


@pytest.mark.parametrize("line", ["#a 1 1", "\\ 1 1", "a.b.c +Inf 1", "a", "a b c d", "a 1 nan", "a 1 1e12"])
def test_what_is_no_point_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        GraphiteParser(Graphite()).parse(line, 0)


def test_nan_is_told_apart() -> None:
    with pytest.raises(NotANumber):
        GraphiteParser(Graphite()).parse("a NaN 1", 0)


def listening(protocol: str, **more: object) -> Graphite:
    given = {"bind_address": "127.0.0.1:0", "protocol": protocol, "enabled": True, "batch_timeout": 0.05, **more}
    return Graphite(**given)  # type: ignore[arg-type]


async def test_lines_over_tcp(bus: Bus, store: LineStore) -> None:
    position = await bus.last_sequence("WRITES")
    listener = GraphiteListener(listening("tcp", batch_size=2), store)
    await listener.start()
    host, _, port = listener.address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"a 1 1\nb 2 2\n\nnonsense\nc N")
    await writer.drain()
    writer.write(b"aN 3\nd 4 4\ne 5 5 and what has no end")
    await until(lambda: listener.statistic()[2]["pointsTx"] == 3)
    assert listener.statistic()[2]["connsActive"] == 1
    writer.close()
    await until(lambda: listener.statistic()[2]["connsActive"] == 0)
    await listener.stop(5)
    messages = await written_after(bus, position)
    assert [message.data for message in messages] == [
        b"a value=1 1000000000\nb value=2 2000000000",
        b"d value=4 4000000000",
    ]
    assert {message.subject for message in messages} == {"tickbus.write.graphite.autogen"}
    name, tags, values = listener.statistic()
    assert (name, tags) == ("graphite", {"proto": "tcp", "bind": listener.address})
    assert values == {
        "pointsRx": 6,
        "bytesRx": 36,
        "pointsParseFail": 1,
        "pointsNaNFail": 1,
        "batchesTx": 2,
        "pointsTx": 3,
        "batchesTxFail": 0,
        "pointsDropped": 0,
        "connsActive": 0,
        "connsHandled": 1,
    }


async def test_a_line_without_end_closes_its_connection(store: LineStore) -> None:
    listener = GraphiteListener(listening("tcp"), store)
    await listener.start()
    host, _, port = listener.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"x" * (1 << 20))
    async with asyncio.timeout(20):
        with pytest.raises(OSError):
            while await reader.read(1) == b"":
                writer.write(b"x")
                await writer.drain()
    await until(lambda: listener.statistic()[2]["connsActive"] == 0)
    assert listener.statistic()[2]["pointsParseFail"] == 1
    await listener.stop(5)


async def test_lines_over_udp(bus: Bus, store: LineStore) -> None:
    position = await bus.last_sequence("WRITES")
    listener = GraphiteListener(listening("udp", database="g", retention_policy="r"), store)
    await listener.start()
    send(listener, b"a 1 1\nb x\n", b"c 3 3")
    await until(lambda: listener.statistic()[2]["pointsTx"] == 2)
    await listener.stop(5)
    messages = await written_after(bus, position)
    assert b"\n".join(message.data for message in messages) == b"a value=1 1000000000\nc value=3 3000000000"
    assert {message.subject for message in messages} == {"tickbus.write.g.r"}
    assert listener.statistic()[2]["pointsParseFail"] == 1
