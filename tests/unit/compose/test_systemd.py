"""systemd takes the unit; it is not run here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import parameters_of

UNIT = Path(__file__).resolve().parents[3] / "compose" / "tickbus.service"
PROGRAM = "/opt/tickbus/bin/tickbus"


def test_it_starts_what_tickbus_has() -> None:
    (started,) = (line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart="))
    program, *arguments = started.removeprefix("ExecStart=").split()
    assert program == PROGRAM
    assert arguments[0] == "serve"
    assert str(parameters_of(arguments)["data_dir"]) == "/var/lib/tickbus"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_knows_all_that_it_says(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, told) == (0, [])
