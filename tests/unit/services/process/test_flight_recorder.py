"""The note of what a process is at, and how it outlives the process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.process.flight_recorder import EVERYWHERE, FlightRecorder, RecordedWork, packed

_PROCESS = """
import sys, time
from pathlib import Path
from services.process.flight_recorder import FLIGHT_RECORDER, packed
left = FLIGHT_RECORDER.open(Path(sys.argv[1]))
print(None if left is None else [left.what, left.first, left.last], FLIGHT_RECORDER.file.name, flush=True)
FLIGHT_RECORDER.begin(packed(kind="task", id=sys.argv[2]), 3, 9)
if sys.argv[3] == "done":
    FLIGHT_RECORDER.end()
print("at it", flush=True)
time.sleep(60)
"""


def _started(directory: Path, id: str, then: str = "on") -> tuple[subprocess.Popen[str], str]:
    """A process that has a note there, and what it said of the one before."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROCESS, str(directory), id, then], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    assert process.stdout.readline().strip() == "at it"
    return process, said


def _killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(20)
    assert process.stdout is not None
    process.stdout.close()


def test_it_outlives_a_killed_process(tmp_path: Path) -> None:
    first, said = _started(tmp_path, "a")
    assert said == "None at-0"
    other, said = _started(tmp_path, "b")
    assert said == "None at-1", "a living process keeps its own"
    _killed(first)
    again, said = _started(tmp_path, "c", "done")
    assert said == "[{'kind': 'task', 'id': 'a'}, 3, 9] at-0"
    _killed(other)
    _killed(again)
    last, said = _started(tmp_path, "d")
    assert said == "None at-0", "what was done is not left"
    _killed(last)


@pytest.mark.parametrize(
    "left", [b"", b"\x01", b"\x01" * 4096, b"\xff" * 4096, b"\x01\0\0\0\xff\xff\xff\xff" + b"[" * 99]
)
def test_what_is_no_note_is_none(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "at-0").write_bytes(left)
    note = FlightRecorder()
    assert note.open(tmp_path) is None
    note.begin(packed(kind="task", id="a"), *EVERYWHERE)
    assert note.current() == RecordedWork({"kind": "task", "id": "a"}, *EVERYWHERE)


def test_names_of_any_length() -> None:
    note = FlightRecorder()
    note.begin(packed(kind="task", id="é" * 1000), 1, 2)
    assert note.current() == RecordedWork({"kind": "task", "id": "é" * 1000}, 1, 2)
    note.begin(packed(kind="task", id="x" * 10_000), 1, 2)
    assert note.current() is None
    note.begin(packed(kind="task", id="b"), 5, 6)
    assert note.current() == RecordedWork({"kind": "task", "id": "b"}, 5, 6)


def test_only_work_counts_as_time() -> None:
    note = FlightRecorder()
    note.limit = 0.05
    note.begin(packed(kind="task", id="a"), 1, 2)
    note.seen = time.process_time()
    time.sleep(0.1)
    assert not note.end(), "the process stood still"
    note.begin(packed(kind="task", id="a"), 1, 2)
    note.seen = time.process_time()
    until = time.process_time() + 0.06
    while time.process_time() < until:
        json.dumps([1] * 1000)
    assert note.end()
    note.begin(packed(kind="task", id="a"), 1, 2)
    assert not note.end()
