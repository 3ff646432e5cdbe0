"""A kernel gives what its function gives, is compiled where it is first needed, and kept for the next process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.kernels import compiled as room
from services.kernels.compiled import Compiled, compiled, keep_compiled_in, prepare


@compiled("int64(int64[::1], int64)")
def below(values: NDArray[np.int64], bound: int) -> int:
    """How many are below a bound."""
    found = 0
    for value in values:
        found += value < bound
    return found


@compiled("int64(Array(uint8, 1, 'C', True))", "int64(uint8[::1])")
def low(raw: NDArray[np.uint8]) -> int:
    return below(raw.astype(np.int64), 128)


def test_it_gives_what_its_function_gives() -> None:
    values = np.array([3, -1, 7, 7, 2])
    assert below(values, 7) == below.function(values, 7) == 3


def test_a_kernel_calls_another_of_its_file() -> None:
    assert low(np.frombuffer(b"ab\xff", dtype=np.uint8)) == 2
    assert low(np.frombuffer(b"ab\xff", dtype=np.uint8).copy()) == 2


def test_what_fits_no_signature_is_refused() -> None:
    with pytest.raises(TypeError, match="No matching definition"):
        below(np.array([0.5]), 7)  # type: ignore[arg-type]


def test_it_keeps_its_name_and_words() -> None:
    assert (below.__name__, below.__doc__) == ("below", "How many are below a bound.")


def test_numba_is_not_imported_before_it_is_needed() -> None:
    script = "import sys, services.nodes, services.lineprotocol.lines; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_prepared_it_is_compiled() -> None:
    kernel: Compiled[[int], int] = compiled("int64(int64)")(lambda value: value + 1)
    prepare([kernel])
    assert "numba" in sys.modules
    assert kernel(1) == 2


_PROGRAM = """
from services.kernels.compiled import compiled, keep_compiled_in

@compiled("int64(int64)")
def after(value):
    return value + 1

assert after(1) == 2
dispatcher = after.prepare()
print(sum(dispatcher.stats.cache_hits.values()), sum(dispatcher.stats.cache_misses.values()))
"""


def test_the_next_process_finds_it_compiled(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_PROGRAM, "utf-8")
    assert [_run(tmp_path) for _ in range(2)] == ["0 1", "1 0"]


@pytest.mark.parametrize("files", ["*.nbi", "*.nbc"])
@pytest.mark.parametrize("holds", [b"", b"\x80\x05garbage", b"\x96" + b"\xff" * 2000])
def test_what_is_kept_and_cannot_be_read_is_compiled_and_kept_anew(files: str, holds: bytes, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_PROGRAM, "utf-8")
    _run(tmp_path)
    kept = list((tmp_path / "kept").rglob(files))
    assert kept
    for file in kept:
        file.write_bytes(holds)
    assert [_run(tmp_path) for _ in range(2)] == ["0 1", "1 0"]


def test_what_cannot_be_kept_is_compiled_all_the_same(tmp_path: Path) -> None:
    """As on a full disk: files where none can be written."""
    (tmp_path / "program.py").write_text(_PROGRAM, "utf-8")
    _run(tmp_path)
    for file in list((tmp_path / "kept").rglob("*.nb[ic]")):
        file.unlink()
        file.mkdir()
    assert [_run(tmp_path) for _ in range(2)] == ["0 1", "0 1"]


def test_workers_that_start_at_once_disturb_none(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_PROGRAM, "utf-8")
    with ThreadPoolExecutor(3) as workers:
        assert {sum(map(int, said.split())) for said in workers.map(_run, [tmp_path] * 3)} == {1}
    assert _run(tmp_path) == "1 0"


_SIDE = """
from services.kernels.compiled import compiled

@compiled("int64(int64)")
def before(value):
    return value - 1
"""
_WITH_SIDE = """
import side
from services.kernels.compiled import compiled, prepare

@compiled("int64(int64)")
def after(value):
    return value + 1

said = []
prepare(None, lambda: said.append(1), ["side"])
print(len(said), after.kept, side.before.kept, side.before(after(3)))
"""


@pytest.mark.parametrize(("found", "kept"), [(True, "True"), (False, "False")])
def test_another_process_compiles_a_module_meanwhile_if_it_can(found: bool, kept: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_WITH_SIDE, "utf-8")
    (tmp_path / "side.py").write_text(_SIDE, "utf-8")
    assert _run(tmp_path, [tmp_path] if found else []) == f"1 False {kept} 3"
    assert _run(tmp_path) == "0 True True 3"


def _run(folder: Path, more: Sequence[Path] = ()) -> str:
    path = os.pathsep.join(map(str, [Path.cwd(), *more]))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "kept"), "PYTHONPATH": path}
    command = [sys.executable, str(folder / "program.py")]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    return ran.stdout.strip()


@pytest.mark.parametrize(("writable", "kept"), [(True, None), (False, "/data/kernels")])
def test_where_it_is_kept(writable: bool, kept: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr(room.os, "access", lambda path, mode: writable)
    keep_compiled_in(Path("/data/kernels"))
    assert os.environ.get("NUMBA_CACHE_DIR") == kept


_CALLED = """
from services.kernels.compiled import compiled

@compiled("int64(int64)")
def after(value):
    return value + STEP
"""
_CALLING = """
from called import after
from services.kernels.compiled import compiled

@compiled("int64(int64)")
def twice(value):
    return after(after(value))

print(twice(1))
"""


def test_a_change_of_what_a_kernel_calls_is_seen(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_CALLING, "utf-8")
    said = []
    for step in ("1", "5"):
        (tmp_path / "called.py").write_text(_CALLED.replace("STEP", step), "utf-8")
        said.append(_run(tmp_path))
    assert said == ["3", "11"]
