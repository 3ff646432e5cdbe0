"""A kernel kept as machine code gives what it gives, in a process that has no numba; what is damaged is not loaded."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.kernels.compiled import FOLDER, compiled
from services.kernels.machine_code import keep, keeping_program, load
from services.lineprotocol.scanning import line_breaks

_USE = """
import sys
from services.kernels.machine_code import load
from services.kernels.primitives import address_of
from services.lineprotocol.scanning import PAD, line_breaks
body = b"cpu,host=a v=1.5 17\\ncpu v=x\\n" + bytes(PAD)
print(load(line_breaks)(address_of(body), 28), "numba" in sys.modules)
"""


def test_it_is_kept_by_one_process_and_loaded_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert load(line_breaks) is None
    subprocess.run(keeping_program(line_breaks), check=True, timeout=120)
    said = subprocess.run([sys.executable, "-c", _USE], check=True, timeout=120, stdout=subprocess.PIPE)
    assert said.stdout.split() == [b"2", b"False"]

    (kept,) = tmp_path.glob("*.code")
    content = kept.read_bytes()
    for damaged in (b"", content[:-1], content[:40] + b"\xff" + content[41:]):
        kept.write_bytes(damaged)
        assert load(line_breaks) is None


def test_what_somebody_else_may_have_written_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    keep(line_breaks)
    (kept,) = tmp_path.glob("*.code")
    assert load(line_breaks) is not None
    for mode in (0o620, 0o602):
        kept.chmod(mode)
        assert load(line_breaks) is None
    kept.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(kept, 4321, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 1234)
    assert load(line_breaks) is None


@compiled("int64(int64)")
def _sine(value: int) -> int:
    return int(math.sin(value))


def test_what_needs_more_than_itself_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(TypeError, match="_sine needs"):
        keep(_sine)
    assert not any(tmp_path.glob("*.code"))
