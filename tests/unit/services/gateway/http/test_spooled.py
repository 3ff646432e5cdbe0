"""Long answers whose length is known beforehand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway.http.spooled import spooled


async def pieces(broken: bool = False) -> AsyncIterator[bytes]:
    for i in range(5):
        yield bytes([i]) * 100_000 * i
    if broken:
        raise RuntimeError("broken")


WHOLE = b"".join(bytes([i]) * 100_000 * i for i in range(5))


async def test_the_bytes_are_all_there_and_their_number_is_known(tmp_path: Path) -> None:
    read, size = await spooled(pieces(), tmp_path, 0)
    assert size == len(WHOLE)
    assert b"".join([piece async for piece in read]) == WHOLE
    assert not list(tmp_path.iterdir())


async def test_without_room_the_length_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.store.disk_room._LEAST", 1 << 62)
    read, size = await spooled(pieces(), tmp_path, 0)
    assert size is None
    assert b"".join([piece async for piece in read]) == WHOLE


async def test_what_breaks_does_so_before_anything_is_handed_on(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        await spooled(pieces(broken=True), tmp_path, 0)
    assert not list(tmp_path.iterdir())
