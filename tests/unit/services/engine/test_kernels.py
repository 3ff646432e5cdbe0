"""A worker's kernels: compiled once, kept where it can be written, also where the sources cannot."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from services.engine.kernels import Kernels
from services.kernels.compiled import Compiled, compiled

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from services.engine.kernels import Kernels
from services.kernels.compiled import compiled
from services.process import log

@compiled("int64(int64)")
def after(value):
    return value + 1

log.setup("STDOUT", "INFO")
asyncio.run(Kernels(Path(sys.argv[1])).prepare([after]))
assert after(1) == 2
"""

_LATER = """
import asyncio, sys
from pathlib import Path
import later
from services.engine.kernels import Kernels
from services.kernels.compiled import compiled

@compiled("int64(int64)")
def after(value):
    return value + 1

async def main():
    kernels = Kernels(Path(sys.argv[1]))
    await kernels.prepare([after])
    await kernels._others
    print("found", later.before.kept, later.behind.kept, later.before(3), later.behind(3))

asyncio.run(main())
"""
_LATER_MODULE = """
from services.kernels.compiled import compiled

@compiled("int64(int64)")
def before(value):
    return value - 1

@compiled("int64(int64)")
def behind(value):
    return value + 7
"""

_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE = 24, 1  # of Linux


def test_a_start_says_that_it_compiles_and_the_next_does_not(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_PROGRAM, "utf-8")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "PYTHONPATH": str(Path.cwd())}
    first, second = (_run(tmp_path, tmp_path / "data", environment) for _ in range(2))
    assert first.count("compiling kernels, this is the first start") == 1 and "kernels are compiled" in first
    assert "kernels are compiled" not in second and "compiling" not in second


def test_what_not_all_points_go_through_is_compiled_by_another_process_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(_LATER, "utf-8")
    (tmp_path / "later.py").write_text(_LATER_MODULE, "utf-8")
    path = os.pathsep.join([str(Path.cwd()), str(tmp_path)])
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kept"), "PYTHONPATH": path}
    assert "found True True 2 10" in _run(tmp_path, tmp_path / "data", environment)
    for kept in (tmp_path / "kept").rglob("later.*"):  # that process has ended before it came to them
        kept.unlink()
    again = _run(tmp_path, tmp_path / "data", environment)
    assert "found False True 2 10" in again and "compiling" not in again


def test_what_is_installed_read_only_keeps_them_in_the_data_directory() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "program.py").write_text(_PROGRAM, "utf-8")
        for room in ("grammar", "schemas", "services"):
            shutil.copytree(room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
        data = folder / "data"
        data.mkdir()
        data.chmod(0o777)
        for room in (folder / "services" / "kernels", folder):
            room.chmod(0o555)
        environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
        environment |= {"PYTHONPATH": made, "HOME": f"{made}/nowhere"}
        first, second = (_run(folder, data, environment) for _ in range(2))
        assert "kernels are compiled" in first and "compiling" not in second
        assert list(data.rglob("*.nbi"))
        for room in (folder / "services" / "kernels", folder):
            room.chmod(0o755)


async def test_what_is_compiled_can_be_called(tmp_path: Path) -> None:
    kernel: Compiled[[int], int] = compiled("int64(int64)")(lambda value: value + 1)
    kernels = Kernels(tmp_path)
    await kernels.prepare([kernel])
    await kernels.close()
    assert kernel(1) == 2


def _run(folder: Path, data: Path, environment: dict[str, str]) -> str:
    command = [sys.executable, str(folder / "program.py"), str(data)]
    ran = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=_permitted,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def _permitted() -> None:
    """Have root held to permissions as others are."""
    if os.geteuid() == 0:
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, 0, 0, 0)
