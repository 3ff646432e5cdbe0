"""The watchdog, over loops of processes of their own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_PROCESS = """
import asyncio, re, sys, time
from pathlib import Path
from services.process import log
from services.cli.diagnostics.watchdog import Watchdog
from services.process.flight_recorder import FLIGHT_RECORDER, packed

log.setup()
left = FLIGHT_RECORDER.open(Path(sys.argv[1]))
FLIGHT_RECORDER.limit = 0.4
watchdog = Watchdog("engine", FLIGHT_RECORDER)
print("hung" if watchdog.hung() else "fine", left and left.what["id"], flush=True)

async def main():
    watchdog.start(asyncio.get_running_loop())
    await asyncio.sleep(0.2)
    FLIGHT_RECORDER.begin(packed(kind="task", id="a"), 1, 1)
    print("begun", flush=True)
    WORK
    FLIGHT_RECORDER.end()
    await asyncio.sleep(0.3)
    watchdog.stop()

asyncio.run(main())
"""

ENDLESS = {
    "Python": "while True: pass",
    "C code that nobody runs beside": "re.match('^(a+)+$', 'a' * 100 + 'b')",
    "waiting": "time.sleep(100)",
}


def _run(directory: Path, work: str) -> subprocess.Popen[str]:
    program = _PROCESS.replace("WORK", work)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("work", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_does_not_get_on_is_ended_and_told_of(tmp_path: Path, work: str) -> None:
    process = _run(tmp_path, work)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGPROF
    assert out.splitlines()[0] == "fine None"
    after = _run(tmp_path, "pass")
    out, err = after.communicate(timeout=60)
    assert (after.returncode, out.splitlines()[0]) == (0, "hung a")
    assert "the process before did not get on" in err and "in main" in err


def test_a_crash_is_no_hang(tmp_path: Path) -> None:
    process = _run(tmp_path, "import ctypes; ctypes.string_at(0)")
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGSEGV
    (stacks,) = tmp_path.rglob("*.stacks")
    assert stacks.read_text() and not stacks.stat().st_mode & 0o077
    out, err = _run(tmp_path, "pass").communicate(timeout=60)
    assert out.splitlines()[0] == "fine a" and "the process before crashed" in err and "Segmentation fault" in err


def test_a_process_that_is_stopped_goes_on(tmp_path: Path) -> None:
    process = _run(tmp_path, "await asyncio.sleep(0.1)")
    assert process.stdout is not None
    while process.stdout.readline().strip() != "begun":
        pass
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    assert process.returncode == 0
