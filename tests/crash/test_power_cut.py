"""The power goes: what the disk holds at that moment is all there is. Nothing that was acknowledged may be missing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.crash.load import HOSTS, Load
from tests.crash.processes import Api, Serve

DISK = 192 << 20


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Mounts a file with a file system; skips the test where that is not permitted."""
    mounted: list[Path] = []

    def mount(image: Path) -> Path:
        path = tmp_path / f"disk{len(mounted)}"
        path.mkdir()
        if not image.exists():
            with image.open("wb") as file:
                file.truncate(DISK)
            _run("mkfs.ext4", "-q", "-F", str(image))
        _run("mount", "-o", "loop", str(image), str(path))
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=True)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip(f"there is no {command[0]}")
    if done.returncode:
        pytest.skip(f"{command[0]}: {done.stderr.strip()}")


def cut(serve: Serve, image: Path, copy: Path) -> None:
    """Copy what the disk itself holds while everything that writes to it stands still."""
    launcher = psutil.Process(serve.pid)
    everyone = [launcher, *launcher.children(recursive=True)]
    for process in everyone:
        os.kill(process.pid, signal.SIGSTOP)
    shutil.copyfile(image, copy)
    for process in everyone:
        os.kill(process.pid, signal.SIGCONT)


@pytest.mark.parametrize("round", range(3))
async def test_the_power_goes(tmp_path: Path, mount: Callable[[Path], Path], round: int) -> None:
    """Tasks and points that were acknowledged are there; the worker's saved state is not ahead of the log."""
    image, copy = tmp_path / "image", tmp_path / "copy"
    disk = mount(image)
    async with Serve(tmp_path / "before", data=disk / "data") as serve, Api(serve) as api:
        script = "stream|from().measurement('numbers').groupBy('host')|window().period(2s).every(2s).align()"
        answer = await api.define("sums", f"{script}|sum('n').as('sum')|httpOut('sums')")
        assert answer.status_code == 200, answer.text
        load = Load(api)
        async with load.running():
            await load.more(60 + 24 * round)
            assert (await api.define(f"last{round}", f"{script}|log()")).status_code == 200
            acknowledged = load.written
            cut(serve, image, copy)
    disk = mount(copy)
    async with Serve(tmp_path / "after", data=disk / "data") as serve, Api(serve) as api:
        assert (await api.task(f"last{round}"))["executing"]
        stats = await api.until_at_least("sums", "from1", collected=acknowledged * len(HOSTS))
        await api.write("\n".join(f"numbers,host=new n={n}i {n}" for n in range(100)))
        await api.until_stats("sums", "from1", collected=stats["collected"] + 100)
