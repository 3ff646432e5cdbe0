"""collectd's packets: what is made of them, held against Kapacitor 1.5.7, and what is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from schemas.config.inputs import Collectd
from services.bus.connection import Bus
from services.gateway.http.writing.line_store import LineStore
from services.gateway.listeners.collectd import CollectdListener
from services.gateway.listeners.formats.collectd_packets import BadPacket, value_lists
from services.gateway.listeners.formats.collectd_types import BadTypes, parse_types, read_types
from tests.unit.services.gateway.http.writing.test_writes import written_after
from tests.unit.services.gateway.listeners.points import in_order, shown
from tests.unit.services.gateway.listeners.test_udp import send, until

RECORDED: dict[str, Any] = json.loads((Path(__file__).parent / "collectd.json").read_text(), parse_int=float)
"""Packets, by what they try, and the points that Kapacitor made of all of them."""

TYPES = """# names of values
cpu\tvalue:DERIVE:0:U
load shortterm:GAUGE:0:5000, midterm:GAUGE:0:5000, longterm:GAUGE:0:5000
if_octets rx:DERIVE:0:U, tx:DERIVE:0:U

abs value:ABSOLUTE:0:U
counter value:COUNTER:0:U
"""


@pytest.fixture
def typesdb(tmp_path: Path) -> Path:
    path = tmp_path / "types.db"
    path.write_text(TYPES)
    return path


async def test_packets_are_the_points_of_kapacitor(bus: Bus, store: LineStore, typesdb: Path) -> None:
    settings = Collectd(enabled=True, bind_address="127.0.0.1:0", batch_timeout=0.05, typesdb=str(typesdb))
    position = await bus.last_sequence("WRITES")
    listener = CollectdListener(settings, store)
    await listener.start()
    packets = [bytes.fromhex(packet) for packet in RECORDED["packets"].values()]
    send(listener, *packets)
    await until(lambda: listener.statistic()[2]["pointsTx"] == len(RECORDED["points"]))
    await listener.stop(5)
    messages = await written_after(bus, position)
    assert {message.subject for message in messages} == {"tickbus.write.collectd.autogen"}
    assert shown(b"\n".join(message.data for message in messages)) == in_order(RECORDED["points"])
    name, tags, values = listener.statistic()
    assert (name, tags) == ("collectd", {"bind": listener.address})
    batches = values.pop("batchesTx")
    assert batches >= 1 and values == {
        "pointsRx": len(RECORDED["points"]),
        "bytesRx": sum(map(len, packets)),
        "pointsParseFail": 7,
        "readFail": 0,
        "pointsTx": len(RECORDED["points"]),
        "batchesTxFail": 0,
        "droppedPointsInvalid": 1,
        "pointsDropped": 0,
    }


def test_more_values_than_a_data_set_has_are_refused() -> None:
    values = struct.pack(">HHHBBqq", 6, 24, 2, 2, 2, 1, 2)
    packet = struct.pack(">HH4s", 4, 8, b"cpu\0") + values
    with pytest.raises(BadPacket, match="2 values of a data set of 1"):
        value_lists(packet, {"cpu": ("value",)})
    (found,) = value_lists(packet, {})
    assert found.values == (("", 1.0), ("", 2.0))


def test_a_name_that_would_make_each_value_large_is_refused() -> None:
    packet = struct.pack(">HH", 0, 4 + 25_000) + b"h" * 24_999 + b"\0"
    with pytest.raises(BadPacket, match="the host has 25000 bytes, more than 1024"):
        value_lists(packet, {})


@pytest.mark.parametrize("size", range(60))
def test_a_packet_that_is_cut_off_is_refused_or_whole(size: int) -> None:
    packet = bytes.fromhex(RECORDED["packets"]["cpu"])
    try:
        value_lists(packet[:size], {})
    except BadPacket:
        assert size < len(packet)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("ok value:GAUGE:0:1\nalone", "types.db:2: a data set needs a value"),
        ("a value:GAUGE:0", "types.db:1: 'value:GAUGE:0' is not NAME:KIND:LEAST:MOST"),
        ("a value:SIZE:0:1", "types.db:1: 'SIZE' is none of absolute, counter, derive, gauge"),
    ],
)
def test_mistakes_in_a_file_of_types_are_named(text: str, mistake: str) -> None:
    with pytest.raises(BadTypes, match=mistake):
        parse_types(text, Path("types.db"))


def test_a_directory_of_types_is_read_as_a_whole_without_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "a.db").write_text(TYPES)
    (tmp_path / "below" / "own.db").write_text("cpu mine:GAUGE:0:U")
    (tmp_path / "notes.txt").write_text("no types at all")
    types = read_types(tmp_path)
    assert types["cpu"] == ("mine",) and types["if_octets"] == ("rx", "tx") and len(types) == 5


@pytest.mark.parametrize(("name", "reason"), [("none.db", "No such file"), ("bad.db", "needs a value")])
async def test_without_types_it_does_not_start(store: LineStore, tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "bad.db").write_text("alone")
    settings = Collectd(enabled=True, bind_address="127.0.0.1:0", typesdb=str(tmp_path / name))
    with pytest.raises(OSError, match=rf"typesdb: .*{reason}"):
        await CollectdListener(settings, store).start()
