"""Checking by machine code begins when there is something to check, and fails without a word to clients."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest

from services.gateway.http.writing import compiled_check
from services.gateway.http.writing.compiled_check import compile_check
from services.gateway.http.writing.packer import Packer
from services.kernels.compiled import FOLDER
from services.kernels.machine_code import keep, load
from services.lineprotocol.packing.kernel import pack
from services.lineprotocol.packing.packing import Kernel
from services.lineprotocol.packing.text import text_of, write_text
from services.lineprotocol.scanning import line_breaks

LINE = b"cpu,host=a,idle=b user=1.5,idle=3i 5\n"


@pytest.fixture
def packer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Packer:
    import numba  # noqa: F401  it keeps what it compiles where it always does: to compile all anew takes long

    monkeypatch.setenv(FOLDER, str(tmp_path))
    return Packer(packs=True)


class _Used(Packer):
    """Keeps what it is given."""

    kernel: Kernel | None = None

    def use(self, kernel: Kernel) -> None:
        self.kernel = kernel


async def test_it_is_compiled_once_enough_has_come(
    packer: Packer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pack", "write_text"):  # one that is compiled soon
        monkeypatch.setattr(compiled_check, name, line_breaks)
    used = _Used(packs=True)
    await _until_done(compile_check(tmp_path, used, 0.0, 20_000), used)
    assert used.kernel is not None and any(tmp_path.glob("*.code"))
    again = _Used(packs=True)
    await _until_done(compile_check(tmp_path, again, 0.0), again)
    assert again.kernel is not None


async def test_what_it_reads_bodies_by(packer: Packer, tmp_path: Path) -> None:
    keep(pack)
    await _until_done(compile_check(tmp_path, packer, 0.0), packer)
    packed = await packer.read(LINE * 600, "n")
    assert packed and text_of(packed) == (LINE * 600)[:-1]
    assert await packer.read(LINE * 600 + b"m v=x 1\n" + LINE, "n") is None
    assert await packer.read(LINE * 60, "n") is None
    plain = Packer(packs=False)
    await _until_done(compile_check(tmp_path, plain, 0.0), plain)
    assert await plain.read(LINE * 600, "n") == b""


def test_the_other_way_needs_nothing_but_itself(packer: Packer) -> None:
    keep(write_text)
    assert load(write_text) is not None


async def test_before_that_nothing_is_compiled(packer: Packer, tmp_path: Path) -> None:
    compiling = asyncio.create_task(compile_check(tmp_path, packer, 0.0, 1 << 20))
    for _ in range(3):
        await asyncio.sleep(0)
        assert await packer.read(LINE * 600, "n") is None
    compiling.cancel()
    await asyncio.wait([compiling])
    assert not any(tmp_path.iterdir())


async def test_without_a_compiler_all_goes_on(packer: Packer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_check, "keeping_program", lambda kernel: ["false"])
    await _until_done(compile_check(tmp_path, packer, 0.0, 0), packer)
    assert await packer.read(LINE * 600, "n") is None


async def _until_done(compiling: Coroutine[None, None, None], packer: Packer) -> None:
    task = asyncio.create_task(compiling)
    async with asyncio.timeout(120):
        while not task.done():
            await packer.read(LINE * 600, "n")
            await asyncio.sleep(0.01)
    await task
