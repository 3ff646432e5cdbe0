"""`tickbus trace` on a server that runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from services.cli.main import main
from tests.support.serve import serve

SCRIPT = (
    """stream|from().measurement('m').groupBy('host')|where(lambda: "x" > 1)|alert().crit(lambda: "x" > 3).topic('t')"""
)

Asked = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("trace"), {}) as url:
        task = {"id": "cpu", "dbrps": [{"db": "db", "rp": "rp"}], "script": SCRIPT, "status": "enabled"}
        answer = httpx.post(f"{url}/kapacitor/v1/tasks", json=task, timeout=60)
        assert answer.status_code == 200, answer.text
        lines = "\n".join(f"m,host={host} x={i}i {1_700_000_000 + i}" for i in range(5) for host in "ab")
        written = httpx.post(f"{url}/write", params={"db": "db", "rp": "rp", "precision": "s"}, content=lines)
        assert written.status_code == 204
        yield url


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


def test_lines_and_counts(asked: Asked, url: str) -> None:
    code, out, _ = asked("trace", "cpu", "-from", "-1h", "-group", "host=a")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["Time", "Node", "Tags", "What"]
    assert "2023-11-14T22:13:24Z alert3" in out and "CRITICAL, was OK: m:host=a is CRITICAL" in out
    assert any(line.split()[:5] == ["where2", "5", "3", "3", "0"] for line in lines)
    assert httpx.get(f"{url}/kapacitor/v1/traces").json() == {"traces": []}


def test_as_json_and_kept(asked: Asked, url: str) -> None:
    now = str(time.time_ns())
    code, out, err = asked(
        "trace", "cpu", "-from", "-1h", "-to", now, "-node", "where2", "-limit", "3", "-json", "-keep"
    )
    assert code == 0 and "is kept: GET /kapacitor/v1/traces/" in err
    *lines, summary = map(json.loads, out.splitlines())
    assert [line["node"] for line in lines] == ["where2"] * 3
    assert (summary["kind"], summary["found"], summary["results"]) == ("summary", 16, 3)
    (kept,) = httpx.get(f"{url}/kapacitor/v1/traces").json()["traces"]
    code, out, _ = asked("list", "traces")
    heads, row = (line.split() for line in out.splitlines())
    assert code == 0 and heads == ["ID", "Task", "Status", "From", "To", "Date"]
    assert row[:3] == [kept["id"], "cpu", "finished"]
    assert json.loads(asked("list", "traces", kept["id"], "--json")[1])[0]["summary"]["found"] == 16
    assert asked("delete", "traces", kept["id"][:8] + "*")[0] == 0
    assert httpx.get(f"{url}/kapacitor/v1/traces").json() == {"traces": []}


def test_backtests_are_listed_and_deleted_too(asked: Asked, url: str) -> None:
    assert asked("backtest", "cpu", "-from", "-1h", "-keep")[0] == 0
    (kept,) = httpx.get(f"{url}/kapacitor/v1/backtests").json()["backtests"]
    assert asked("list", "backtests")[1].splitlines()[1].split()[:3] == [kept["id"], "cpu", "finished"]
    assert asked("delete", "backtests", "*")[0] == 0
    assert asked("delete", "backtests", "*") == (0, "", "no backtests match *\n")


def test_mistakes(asked: Asked) -> None:
    assert asked("trace", "cpu")[0] == asked("trace", "cpu", "-from", "soon")[0] == 2
    code, _, err = asked("trace", "none", "-from", "-1h")
    assert (code, err.splitlines()[-1]) == (1, "tickbus trace: task: no task exists")
    code, _, err = asked("trace", "cpu", "-from", "-1h", "-where", "x >")
    assert code == 1 and "where: parser: " in err
