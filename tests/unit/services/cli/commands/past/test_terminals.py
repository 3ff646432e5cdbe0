"""What looks at the past prints, on a terminal of 40 columns and where there is none at all."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from tests.support.serve import serve

ROOT = Path(__file__).parents[6]
COLUMNS = 40
T0 = 1_700_000_000
HOST = "a-host-with-a-name-that-is-longer-than-any-terminal-of-forty-columns.example.org"
SCRIPT = """stream|from().measurement('m').groupBy('host')|window().periodCount(3).everyCount(1)|mean('x').as('x')
    |alert().crit(lambda: "x" > 5.0).stateChangesOnly().message('{{ .ID }} is {{ .Level }}, as it has been for long')
    .topic('load')"""
_ORDERS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

COMMANDS = {
    "trace": ("trace", "load", "-from", "-1h"),
    "backtest": ("backtest", "load", "-from", "-1h", "-against", "load"),
    "why": ("why", "load", f"m:host={HOST}"),
    "why-not": ("why-not", "load", "-group", "host=b", "-at", str(T0 * 10**9), "-within", "10s"),
    "history": ("history",),
    "history of a task": ("history", "load"),
}
SAYS = {
    "trace": ("began: ", "nodes:", "alert4", "CRITICAL"),
    "backtest": ("alerts: ", "levels: ", "by id:", "against the task load: ", "CRITICAL"),
    "why": ("OK -> CRITICAL", "crit: ", "1. "),
    "why-not": ("ended at alert4", "2. "),
    "history": ("writes", "alerts", "events", "load"),
    "history of a task": ("begin",),
}
MISTAKES = {
    ("trace", "none", "-from", "-1h"): "tickbus trace: task: no task exists",
    ("backtest", "none", "-from", "-1h"): "tickbus backtest: task: no task exists",
    ("why", "load", "none"): "holds no event of 'none' in topic 'load'",
    ("history", "none"): "no state is kept of a task none",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("terminals"), {"KAPACITOR_ENGINE_HISTORY_EVERY": "200ms"}) as url:
        with httpx.Client(base_url=f"{url}/kapacitor/v1", timeout=60) as api:
            task = {"id": "load", "dbrps": [{"db": "db", "rp": "rp"}], "script": SCRIPT, "status": "enabled"}
            assert api.post("/tasks", json=task).status_code == 200
            lines = "\n".join(
                f"m,host={host} x={x * of} {T0 + second}"
                for second, x in enumerate((1, 2, 3, 30))
                for host, of in ((HOST, 1), ("b", 0))
            )
            written = api.post("/write", params={"db": "db", "rp": "rp", "precision": "s"}, content=lines)
            assert written.status_code == 204
            end = time.monotonic() + 60
            while not (
                api.get("/alerts/topics/load/events").json().get("events")
                and api.get("/history", params={"task": "load"}).json()["tasks"]
            ):
                assert time.monotonic() < end
                time.sleep(0.05)
        yield url


@pytest.mark.parametrize("what", COMMANDS)
def test_on_forty_columns(url: str, what: str) -> None:
    code, shown = on_terminal(url, COMMANDS[what])
    assert code == 0, shown
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", _ORDERS.sub("", shown))]
    assert not [line for line in lines if len(line) > COLUMNS]
    joined = "".join(line.strip() for line in lines).replace(" ", "")
    for text in SAYS[what]:
        assert text.replace(" ", "") in joined, shown


@pytest.mark.parametrize("what", COMMANDS)
def test_where_there_is_no_terminal(url: str, what: str) -> None:
    code, out, err = without_terminal(url, COMMANDS[what])
    assert (code, err) == (0, ""), err
    assert "\x1b" not in out and "\r" not in out
    for text in SAYS[what]:
        assert text in out, out


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_are_one_line_on_standard_error(url: str, arguments: Sequence[str]) -> None:
    code, out, err = without_terminal(url, arguments)
    assert (code, out) == (1, "") and MISTAKES[tuple(arguments)] in err and err.count("\n") == 1, err


def without_terminal(url: str, arguments: Sequence[str]) -> tuple[int, str, str]:
    """Run a command as a service would be: nothing to read, no terminal, no word about one."""
    command = [sys.executable, "-m", "services.cli", *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ("TERM", "COLUMNS", "LINES")}
    done = subprocess.run(
        command, cwd=ROOT, env={**environment, "KAPACITOR_URL": url}, stdin=subprocess.DEVNULL, capture_output=True
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def on_terminal(url: str, arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command on a terminal of 40 columns; gives its exit code and all that it prints."""
    ours, its = os.openpty()
    try:
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        environment = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", *arguments],
            cwd=ROOT, env={**environment, "KAPACITOR_URL": url, "TERM": "xterm"}, stdin=its, stdout=its, stderr=its,
        )  # fmt: skip
    finally:
        os.close(its)
    shown = bytearray()
    try:
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # its end was closed by the last that had it
                break
            if not piece:
                break
            shown += piece
    finally:
        os.close(ours)
    return process.wait(60), shown.decode("utf-8", "replace")
