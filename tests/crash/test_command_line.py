"""A session on the command line against one server: what is printed, how commands end, who may stop reading."""

from __future__ import annotations

import gzip
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.serve import ROOT, serve

SCRIPT = """stream
    |from()
        .measurement('cpu')
        .groupBy('host')
    |alert()
        .crit(lambda: "idle" < 10.0)
        .topic('cpu')
"""
POINT = "telegraf\nautogen\ncpu,host=a idle=3 1700000000000000000\n"


class Session:
    """Commands of somebody at a shell, in a folder of their own."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KAPACITOR_")},
            "KAPACITOR_URL": url,
            "PYTHONPATH": str(ROOT),
        }

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on."""
        command = [sys.executable, "-m", "services.cli", *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=self._folder, env=self._environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """A command's exit code, and what it says on standard output and error."""
        process = self.begin(*arguments)
        out, said = process.communicate(timeout=60)
        return process.returncode, out, said

    def shell(self, line: str) -> str:
        """What a line of bash prints that has `tickbus` in it."""
        tickbus = f'tickbus() {{ "{sys.executable}" -m services.cli "$@"; }}; '
        command = ["bash", "-c", tickbus + line]
        done = subprocess.run(command, cwd=self._folder, env=self._environment, capture_output=True, text=True)
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("session")
    (folder / "cpu.tick").write_text(SCRIPT)
    with serve(folder, {"KAPACITOR_INFLUXDB_0_URLS_0": "http://127.0.0.1:1"}) as url:
        recording = f"{url}/kapacitor/v1/recordings/import?id=monday"
        gzipped = {"Content-Type": "application/gzip"}
        httpx.post(recording, content=gzip.compress(POINT.encode()), headers=gzipped).raise_for_status()
        yield Session(folder, url)


def test_a_session(session: Session, tmp_path: Path) -> None:
    silent = (0, "", "")
    assert session.run("define", "cpu", "-tick", "cpu.tick", "-type", "stream", "-dbrp", "telegraf.autogen") == silent
    assert session.run("enable", "cpu") == silent
    assert session.run("list", "tasks") == (
        0,
        "ID  Type      Status    Executing Databases and Retention Policies\n"
        'cpu stream    enabled   true      ["telegraf"."autogen"]\n',
        "",
    )
    assert session.run("replay", "-recording", "monday", "-task", "cpu", "-rec-time", "-replay-id", "one") == (
        0,
        "one\n",
        "",
    )
    dry = ("replay", "-recording", "monday", "-task", "cpu", "-rec-time", "-replay-id", "dry", "-no-side-effects")
    assert session.run(*dry) == (0, "dry\n", "")
    code, shown, _ = session.run("replay-effects", "dry", "-kind", "alert")
    assert code == 0 and shown.split()[1:3] == ["alert", "alert2"] and "cpu:host=a is CRITICAL" in shown
    code, shown, _ = session.run("replay-effects", "dry", "-json")
    assert code == 0 and json.loads(shown)["level"] == "CRITICAL"
    assert session.run("replay-effects", "one")[0] == 1
    past = ("record", "stream", "-task", "cpu", "-past", "1h", "-duration", "1s", "-recording-id", "past")
    assert session.run(*past) == (0, "past\n", "")
    code, shown, _ = session.run("show-topic", "cpu")
    assert code == 0 and shown.splitlines()[:4] == ["ID: cpu", "Level: CRITICAL", "Collected: 1", "Handlers: []"]
    assert shown.splitlines()[-1].startswith("cpu:host=a CRITICAL cpu:host=a is CRITICAL ")
    for kind, id in (("recordings", "monday"), ("replays", "one")):
        (view,) = json.loads(session.run("list", kind, "--json", "*o*")[1])
        assert (view["id"], view["status"]) == (id, "finished")
    code, general, _ = session.run("stats", "general")
    assert code == 0 and f"{'Enabled Tasks:':30}{1:<30}" in general.splitlines()
    assert json.loads(session.run("vars")[1])["num_tasks"] == 1
    backup = tmp_path / "all.backup"
    assert session.run("backup", str(backup)) == silent
    assert backup.stat().st_size > 1000 and not list(tmp_path.glob("*.part"))
    assert session.run("level", "error") == session.run("level", "info") == silent
    query = ("record", "query", "-query", "SELECT v FROM d.r.m", "-type", "batch", "-recording-id", "failed")
    code, printed, said = session.run(*query)
    assert (code, printed) == (1, "failed\n") and said.startswith("tickbus record query: InfluxDB query failed: ")
    code, _, said = session.run("replay", "-recording", "nothing", "-task", "cpu")
    assert code == 1 and said == "tickbus replay: recording not found: no recording exists\n"


def test_who_stops_reading_or_waiting_sees_no_traceback(session: Session) -> None:
    first = "ID Type      Status"
    assert session.shell("tickbus list templates | head -c 8; echo; tickbus nodes | true").splitlines()[0] == first[:8]
    if Path("/dev/full").exists():
        assert session.shell("tickbus nodes 2>&1 >/dev/full; echo $?") == "tickbus: No space left on device\n1\n"
    for arguments in (("logs",), ("record", "stream", "-task", "cpu", "-duration", "10m", "-recording-id", "long")):
        process = session.begin(*arguments)
        try:
            if arguments == ("logs",):
                assert process.stdout is not None
                # a request is a line of the log, and a line comes only to who follows already
                while not _reads(process):
                    assert session.run("list", "topics")[0] == 0
            else:
                while "long" not in session.run("list", "recordings")[1]:
                    assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
        if arguments == ("logs",):
            assert (process.returncode, said) == (0, "")
        else:
            assert process.returncode == 130 and said.startswith("recording long goes on: ")
            assert session.run("delete", "recordings", "long") == (0, "", "")


def test_commands_start_fast_and_complete(session: Session) -> None:
    for arguments in (("--help",), ("list", "tasks")):
        took = min(_cpu_seconds(session, *arguments) for _ in range(2))
        assert took < 0.4, f"{arguments}: {took} s of CPU"
    completed = session.shell('COMP_WORDS="tickbus enable c" COMP_CWORD=2 _TICKBUS_COMPLETE=bash_complete tickbus')
    assert completed == "plain,cpu\n"
    completed = session.shell('COMP_WORDS="tickbus define-" COMP_CWORD=1 _TICKBUS_COMPLETE=bash_complete tickbus')
    assert completed == "plain,define-template\nplain,define-topic-handler\n"
    assert "complete" in session.run("completion", "zsh")[1] and "complete" in session.run("completion", "fish")[1]


def test_bash_completes_what_it_has_cut_at_colons(session: Session, tmp_path: Path) -> None:
    (tmp_path / "tickbus").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m services.cli "$@"\n')
    (tmp_path / "tickbus").chmod(0o755)
    handler = tmp_path / "handler.yaml"
    handler.write_text("topic: main:cpu:alert2\nid: log\nkind: log\noptions:\n  path: /dev/null\n")
    assert session.run("define-topic-handler", str(handler))[0] == 0
    for line, words, completed in (
        ("show-topic main:", ("show-topic", "main", ":"), "cpu:alert2"),
        ("show-topic main:cpu:al", ("show-topic", "main", ":", "cpu", ":", "al"), "alert2"),
        ('show-topic "main:cpu:al', ("show-topic", '\\"main:cpu:al'), "main:cpu:alert2"),
        ("-url http://localhost:1 define-topic-", ("-url", "http", ":", "//localhost", ":", "1", "define-topic-"), ""),
        ("define x -ti", ("define", "x", "-ti"), "--tick"),
    ):
        of = " ".join(("tickbus", *words))
        typed = line.replace('"', '\\"')
        found = session.shell(
            f'PATH={tmp_path}:$PATH; unset -f tickbus; compopt() {{ echo $2; }}; eval "$(tickbus completion bash)"; '
            f'COMP_WORDBREAKS=: COMP_LINE="tickbus {typed}" COMP_WORDS=({of}) COMP_CWORD={len(words)}; '
            '_tickbus_completion tickbus; echo "${COMPREPLY[*]}"'
        )
        assert found == f"{completed or 'define-topic-handler'}\n", line
    found = session.shell("COMP_WORDS='tickbus define x -tick c' COMP_CWORD=4 _TICKBUS_COMPLETE=bash_complete tickbus")
    assert found == "file,c\n"
    assert session.run("delete", "topic-handlers", "main:cpu:alert2", "log")[0] == 0


def _cpu_seconds(session: Session, *arguments: str) -> float:
    """What a command takes; what else is waited for meanwhile would count too."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert session.run(*arguments)[0] == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _reads(process: subprocess.Popen[str]) -> bool:
    """Whether there is something on its standard output."""
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], 0.2)[0])
