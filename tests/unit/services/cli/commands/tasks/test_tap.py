"""`tickbus tap` and `tickbus top` on a server that runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.cli.main import main
from tests.support.serve import serve

SCRIPT = (
    """stream|from().measurement('m').groupBy('host')|where(lambda: "x" > 1)|alert().crit(lambda: "x" > 3).topic('t')"""
)
ROOT = Path(__file__).resolve().parents[6]

Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with two tasks that are written to all the time."""
    with serve(tmp_path_factory.mktemp("tap"), {}) as url:
        for id in ("cpu", "my.task"):
            task = {"id": id, "dbrps": [{"db": "db", "rp": "rp"}], "script": SCRIPT, "status": "enabled"}
            answer = httpx.post(f"{url}/kapacitor/v1/tasks", json=task, timeout=60)
            assert answer.status_code == 200, answer.text
        stop = threading.Event()
        writing = threading.Thread(target=_write, args=(url, stop))
        writing.start()
        try:
            yield url
        finally:
            stop.set()
            writing.join()


def _write(url: str, stop: threading.Event) -> None:
    lines = "\n".join(f"m,host={host} x={i}i {1_700_000_000 + i}" for i in range(5) for host in "ab")
    with httpx.Client(base_url=url, timeout=60) as client:
        while not stop.wait(0.05):
            client.post("/write", params={"db": "db", "rp": "rp", "precision": "s"}, content=lines)


@pytest.fixture
def asked(url: str, alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    """Runs a command."""
    monkeypatch.setenv("KAPACITOR_URL", url)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_what_leaves_a_node(asked: Asked) -> None:
    code, out, err = asked("tap", "my.task.where2", "-group", "host=a", "-for", "2s", "--json", "-rate", "1000")
    assert (code, err) == (0, "")
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows and {(row["node"], row["group"]) for row in rows} == {("where2", "host=a")}
    assert {row["fields"]["x"] for row in rows} == {2, 3, 4}


def test_what_leaves_all_nodes_and_is_too_much(asked: Asked) -> None:
    code, out, _ = asked("tap", "cpu", "-for", "2s", "-rate", "20")
    lines = out.splitlines()
    assert code == 0 and any(line.endswith(" rows left out)") for line in lines)
    shown = [line.split() for line in lines if "left out" not in line]
    assert len(shown) <= 20 * 4  # a second's at once, and what comes to be in two, which may be three
    assert {words[0] for words in shown} == {"stream0", "from1", "where2", "alert3"}
    assert ["alert3", "2023-11-14T22:13:24Z", "m,host=a", "x=4"] in shown


def test_what_is_not_there(asked: Asked) -> None:
    assert asked("tap", "none") == asked("tap", "none.where2") == (1, "", "tickbus tap: there is no task none\n")
    code, _, err = asked("tap", "cpu.eval2")
    assert (code, err) == (1, "tickbus tap: task cpu has no node eval2: it has stream0, from1, where2, alert3\n")
    assert asked("tap", "cpu", "-rate", "0")[0] == asked("top", "-interval", "1ms")[0] == 2


@pytest.mark.parametrize(("how", "code"), [("close", 141), ("interrupt", 0)])
def test_it_ends_quietly(url: str, how: str, code: int) -> None:
    environment = os.environ | {"KAPACITOR_URL": url}
    command = [sys.executable, "-m", "services.cli", "tap", "cpu"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline()
        if how == "close":
            process.stdout.close()
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == code
        assert process.stderr.read() == b""


def test_tasks_by_what_they_do(asked: Asked) -> None:
    code, out, _ = asked("top", "-once", "-interval", "2s", "-sort", "time")
    head, *tasks = (line.split() for line in out.splitlines())
    assert code == 0 and head == ["Task", "Points/s", "Time", "Errors/s", "Groups", "Lag", "Worker", "Status"]
    assert {task[0] for task in tasks} == {"cpu", "my.task"}
    assert all(float(task[1]) > 0 and task[4] == "2" and task[6:] == ["engine-0", "enabled"] for task in tasks)
    code, out, _ = asked("top", "--json", "-interval", "1s")
    assert [one["id"] for one in json.loads(out)] and all(one["points"] > 0 for one in json.loads(out))
