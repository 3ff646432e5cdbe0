"""Services that are forked off a process that has imported what they need."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.crash.processes import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="services are forked on Linux")


def test_a_forked_service_is_a_process_as_any_other() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.services.launcher.forker"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    for name, code in (("one", "0"), ("other", "7")):
        pid, parent, session, arguments, told, imported, hung_up, files = found[name]
        assert int(parent) == found["serve"]
        assert int(session) == pid
        assert arguments.strip() == f"tickbus first {code}"
        assert (told, imported, hung_up) == (code, True, True)
        assert set(files) <= {"0", "1", "2", "3"}  # the last one is that of the listing
    assert run.stderr == "heard\n" * 3
    assert found["killed"] == -9
    assert found["ended"] == 7
    assert found["again"] == 3  # SIGHUP and SIGINT leave the template alone
    assert found["refused"] and found["reaped"]
