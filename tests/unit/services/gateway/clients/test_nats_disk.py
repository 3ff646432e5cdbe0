"""What a gateway refuses when the disk runs full. That all else copes as well: tests/crash/test_disk_full.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.config import Config, Nats, Storage
from services.bus.connection import Bus
from services.gateway.clients import nats_disk as module
from services.gateway.clients.nats_disk import NatsDisk
from services.store.disk_room import Room


def test_a_burst_between_two_looks_is_counted(bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rooms = [Room(tmp_path, 100, 40), Room(tmp_path, 95, 40), Room(tmp_path, 60, 40)]
    asked: list[tuple[Path, int]] = []

    def room_in(directory: Path, keep_free: int) -> Room:
        asked.append((directory, keep_free))
        return rooms[min(len(asked), len(rooms)) - 1]

    monkeypatch.setattr(module, "room_in", room_in)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 1000.0)
    disk = NatsDisk(Config(nats=Nats(store_dir=str(tmp_path)), storage=Storage(keep_free=40)), bus)
    assert [disk.refuses_data(20) for _ in range(3)] == ["", "", ""]
    assert asked == [(tmp_path, 40)]
    # by the count the fourth has no room, by a second look it has; the fifth has by neither
    assert [disk.refuses_data(20), disk.refuses_data(50)] == ["", str(rooms[2])]
    # what is refused does not count as written
    assert disk.refuses_data(20) == ""
    assert disk.refuses_changes() == ""
    rooms.append(Room(tmp_path, 9, 40))
    assert disk.refuses_data(1) == str(rooms[3])
    assert disk.refuses_changes() == str(rooms[3])


def test_of_the_disk_of_a_nats_elsewhere_nothing_is_known(bus: Bus, tmp_path: Path) -> None:
    there = Config(nats=Nats(store_dir=str(tmp_path)), storage=Storage(keep_free=1 << 60))
    for config in (Config(), replace(there, nats=Nats(store_dir=str(tmp_path / "not here")))):
        disk = NatsDisk(config, bus)
        assert (disk.refuses_data(1 << 60), disk.refuses_changes()) == ("", "")
    assert "no room on the disk" in NatsDisk(there, bus).refuses_data(1 << 60)
