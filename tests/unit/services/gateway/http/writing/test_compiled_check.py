"""Checking by machine code begins when there is something to check, and fails without a word to clients."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path

import pytest

from services.gateway.http.writing import compiled_check
from services.gateway.http.writing.compiled_check import compile_check
from services.kernels.compiled import FOLDER
from services.lineprotocol import validate
from services.lineprotocol.validate import Checking, check

LINE = b"cpu,host=a,idle=b user=1.5,idle=3i 5\n"


@pytest.fixture
def checking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Checking:
    fresh = Checking()
    monkeypatch.setattr(validate, "CHECKING", fresh)
    monkeypatch.setattr(compiled_check, "CHECKING", fresh)
    monkeypatch.setenv(FOLDER, str(tmp_path))
    return fresh


async def test_it_is_compiled_once_enough_was_checked(checking: Checking, tmp_path: Path) -> None:
    await _until_done(compile_check(tmp_path, 0.0, 20_000))
    assert checking.plain_lines is not None
    assert check(LINE * 300, "n") is None
    assert check(LINE * 300 + b"m v=x 1\n" + LINE, "n") == "unable to parse 'm v=x 1': invalid boolean"


async def test_before_that_nothing_is_compiled(checking: Checking, tmp_path: Path) -> None:
    compiling = asyncio.create_task(compile_check(tmp_path, 0.0, 1 << 20))
    for _ in range(3):
        await asyncio.sleep(0)
        assert check(LINE * 300, "n") is None
    compiling.cancel()
    await asyncio.wait([compiling])
    assert checking.plain_lines is None and not any(tmp_path.iterdir())


async def test_without_a_compiler_all_goes_on(
    checking: Checking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_check, "keeping_program", lambda kernel: ["false"])
    await _until_done(compile_check(tmp_path, 0.0, 0))
    assert checking.plain_lines is None


async def _until_done(compiling: Coroutine[None, None, None]) -> None:
    task = asyncio.create_task(compiling)
    async with asyncio.timeout(120):
        while not task.done():
            assert check(LINE * 300, "n") is None
            await asyncio.sleep(0.01)
    await task
