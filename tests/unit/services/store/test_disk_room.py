"""The room on a disk: what counts as little."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.store.disk_room import Room, room_in

MB = 1 << 20


def test_what_is_kept_free(tmp_path: Path) -> None:
    disk = os.statvfs(tmp_path)
    size = disk.f_blocks * disk.f_frsize
    assert room_in(tmp_path, 0).kept == MB
    assert room_in(tmp_path, 3 * MB).kept == min(3 * MB, max(size // 10, MB))
    assert room_in(tmp_path, 1 << 60).kept == max(size // 10, MB)
    assert 0 < room_in(tmp_path, 0).free <= size
    with pytest.raises(OSError, match="No such file"):
        room_in(tmp_path / "none", 0)


@pytest.mark.parametrize(
    ("free", "short", "out"),
    [(9, False, False), (8, False, False), (7, True, False), (2, True, False), (1, True, True)],
)
def test_first_data_is_refused_then_everything(free: int, short: bool, out: bool) -> None:
    room = Room(Path("/d"), free, 8)
    assert (room.short, room.out) == (short, out)
    assert str(room) == f"no room on the disk: {free} bytes are free in /d, 8 are kept free"
