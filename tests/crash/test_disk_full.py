"""The disk under the data directory runs full: it is said, nothing acknowledged is lost, and all goes on after."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.streams import WRITES
from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import FAST, ROOT, Api, Serve, eventually

MB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a small disk of its own; skips the test where that is not permitted."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        path = tmp_path / f"disk{len(mounted)}"
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("there is no mount program")
        if done.returncode:
            pytest.skip(f"a tmpfs cannot be mounted: {done.stderr.strip()}")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", "-l", str(path)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill a disk with a file that is none of tickbus's, but for so many bytes."""
    file = disk / "filler"
    with file.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        while (free := os.statvfs(disk).f_bavail * 4096) > leave:
            filler.write(bytes(min(free - leave, MB)))
    return file


def pids(serve: Serve) -> dict[str, tuple[int, int]]:
    return {name: (one["pid"], one["restarts"]) for name, one in serve.services().items()}


async def test_writes_fill_the_disk(tmp_path: Path, disk: Callable[[str], Path]) -> None:
    """Writes are refused while there is room for everything else: no process notices."""
    small = disk("48m")
    async with Serve(tmp_path, data=small / "data") as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        await load.write(200)
        before = pids(serve)
        stored = 0
        for lines in (10_000, 1_000, 100):
            padding = "\n".join(f'filler,host=h{i % 50} s="{"x" * 200}" {i}' for i in range(lines))
            while (answer := await api.write(padding, rp="other")).status_code == 204:
                stored += 1
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert "no room on the disk" in answer.text and str(serve.data) in answer.text
        fill(small, leave=4 * MB)
        # what is not data goes on: tasks are defined and run, alerts are raised
        answer = await api.define("new", "stream|from().measurement('numbers')|httpOut('out')")
        assert (answer.status_code, answer.json()["executing"]) == (200, True)
        assert (await api.call("DELETE", "/kapacitor/v1/tasks/new")).status_code == 204
        await eventually(lambda: serve.logged("the disk is full, writes are refused"), "it is said")
        assert pids(serve) == before
        await check_both(load, sink)
        assert await serve.stop() == 0
        assert not serve.logged("critical write error")
        # the same again on the same directory, that is still as full
        await serve.start()
        assert (await api.write(padding, rp="other")).status_code == 503
        async with await Bus.connect(serve.state()["nats"]) as bus:
            state = await bus.stream_state(WRITES)
        assert state.messages == stored + 1


async def test_the_disk_is_filled_to_the_last_byte_and_freed(tmp_path: Path, disk: Callable[[str], Path]) -> None:
    """By others: then streams of NATS fail, leases run out and states are not saved; all of it comes back by itself."""
    small = disk("64m")
    async with Serve(tmp_path, data=small / "data") as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        before = pids(serve)
        load = Load(api)
        async with load.running():
            await load.more(80)
            filler = fill(small)
            await eventually(lambda: load.refused > 3, "writes are refused")
            for method, path, body in (
                ("POST", "tasks", {"id": "late", "script": "stream|from()", "dbrps": [{"db": "db", "rp": "rp"}]}),
                ("PATCH", "tasks/levels", {"status": "disabled"}),
                ("POST", "templates", {"id": "late", "script": "stream|from()"}),
                ("POST", "recordings/stream", {"id": "late", "task": "sums", "stop": "2030-01-01T00:00:00Z"}),
            ):
                answer = await api.call(method, f"/kapacitor/v1/{path}", json=body)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), answer.text
                assert "no room on the disk" in answer.json()["error"]
            # what any program publishes to NATS itself meets the disk's end, and no stream of NATS recovers from that
            async with await Bus.connect(serve.state()["nats"]) as bus:
                with pytest.raises(BusError):
                    while True:
                        await bus.publish("tickbus.write.db.other", bytes(MB), timeout=1.0)
            await eventually(lambda: serve.logged("Critical write error"), "NATS fails")
            await asyncio.sleep(4)  # longer than leases last, and than several saves of states
            assert load.refused > 10 and not load.no_retry_after
            filler.unlink()
            await load.more(200)
        await eventually(lambda: serve.logged("the disk has room again"), "it is said")
        assert len(serve.logged("NATS could not write and took nothing more")) == 1
        after = pids(serve)
        assert after.pop("nats") != before.pop("nats")
        assert after == before
        await check_both(load, sink)
        assert [task["id"] for task in (await api.call("GET", "/kapacitor/v1/tasks")).json()["tasks"]] == [
            "levels",
            "sums",
        ]
        # and nothing of it is only in memory
        await serve.kill()
        await serve.start()
        async with load.running():
            await load.more(80)
        await check_both(load, sink)


async def test_what_dies_on_a_full_disk_is_started_when_there_is_room(
    tmp_path: Path, disk: Callable[[str], Path]
) -> None:
    small = disk("48m")
    async with Serve(tmp_path, data=small / "data") as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        await load.write(80)
        before = pids(serve)
        filler = fill(small)
        for name in before:
            os.kill(before[name][0], 9)
        await eventually(
            lambda: len(serve.logged("it is not started while the disk is full")) == len(before), "nothing is started"
        )
        await asyncio.sleep(2)
        assert len(serve.logged("starting it again")) == len(before)
        filler.unlink()
        async with load.running():
            await load.more(80)
        # alerting could not note any more which of the last alerts it had posted
        await check_both(load, sink, repeats=5)
        assert all(one != before[name] for name, one in pids(serve).items())


@pytest.mark.parametrize("size", ["100k", "280k"])
def test_a_disk_too_small_to_start_on(tmp_path: Path, disk: Callable[[str], Path], size: str) -> None:
    command = [sys.executable, "-m", "services.cli", "serve", "--http", "127.0.0.1:0", "--workers", "1"]
    began = time.monotonic()
    done = subprocess.run(
        [*command, "--data-dir", str(disk(size) / "data")],
        cwd=ROOT, env=os.environ | FAST, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tickbus: ") and ("no room on the disk" in last or "did not start" in last)
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 45
