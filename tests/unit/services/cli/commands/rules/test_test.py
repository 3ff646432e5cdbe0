"""``tickbus test``: files of tests run by the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest

from services.cli.main import main

SECONDS = 60
EXAMPLES = Path(__file__).resolve().parents[6] / "tests" / "examples"
RULE = """\
stream|from().measurement('cpu').groupBy('host')
    |alert().crit(lambda: "idle" < 10).stateChangesOnly().id('{{ index .Tags "host" }}')
"""
GOOD = "dbrps: db.rp\nfile: rule.tick\nname: a host\ninput: cpu,host=a idle=5\nexpect: {alerts: [{id: a}]}\n"
BAD = GOOD.replace("id: a", "id: b").replace("a host", "another host")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs: a rule, and beside it tests to come."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("KAPACITOR_")]:
        monkeypatch.delenv(name)
    (tmp_path / "rule.tick").write_text(RULE)
    return tmp_path


def test_what_passes_and_what_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good_test.yaml").write_text(GOOD)
    assert main(["test", "good_test.yaml"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "ok      good_test.yaml:1  a host" and re.fullmatch(r"1 passed in \d+\.\d\d s", out[1])
    (folder / "bad_test.yml").write_text(BAD)
    assert main(["test", "."]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "FAILED  bad_test.yml:1  another host" and "1 passed, 1 failed in" in out[-1]
    assert main(["test", ".", "--filter", "A HOST"]) == 0
    assert "1 passed in" in capsys.readouterr().out
    assert main(["test", ".", "--filter", "nobody"]) == 1
    assert "no test has 'nobody' in its name" in capsys.readouterr().err


def test_mistakes_in_files_are_told_and_the_others_are_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "good_test.yaml").write_text(GOOD)
    (folder / "mistaken_test.yaml").write_text(GOOD.replace("input:", "imput:"))
    assert main(["test", "good_test.yaml", "mistaken_test.yaml", "nowhere.yaml"]) == 2
    said = capsys.readouterr()
    assert "1 passed" in said.out
    assert said.err.splitlines() == [
        "mistaken_test.yaml:4:1: imput: unknown key 'imput'; did you mean 'input'?",
        "nowhere.yaml: cannot be read: No such file or directory",
    ]


def test_calls_that_are_mistaken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test"]) == 2
    assert "missing argument 'FILES...'" in capsys.readouterr().err
    (folder / "empty").mkdir()
    assert main(["test", "empty"]) == 1
    assert "there is no file *test*.yaml in empty" in capsys.readouterr().err


def test_reports_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad_test.yaml").write_text(BAD)
    assert main(["test", "bad_test.yaml", "--json", "--junit", "report.xml", "--coverage"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["passed"], told["failed"], told["errors"]) == (0, 1, 0)
    assert told["tests"][0]["failures"][0]["got"][0]["id"] == "a"
    assert told["coverage"][0]["levels"]["missed"] == {"alert2": ["OK"]}
    assert ElementTree.parse(folder / "report.xml").getroot().attrib["failures"] == "1"
    assert main(["test", "bad_test.yaml", "--junit", "nowhere/report.xml"]) == 1
    assert "nowhere/report.xml cannot be written" in capsys.readouterr().err


def test_files_are_brought_up_to_date(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad_test.yaml").write_text(BAD)
    assert main(["test", "bad_test.yaml", "--update"]) == 0
    said = capsys.readouterr()
    assert "1 passed" in said.out and said.err == "bad_test.yaml was updated\n"
    assert (folder / "bad_test.yaml").read_text() == BAD.replace("id: b", "id: a")


def test_the_schema(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "tickbus test"


def test_functions_and_endpoints_are_those_of_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = str(EXAMPLES / "udf_smooth" / "smooth.py")
    (folder / "tickbus.conf").write_text(
        f"[udf.functions.smooth]\nprog = {sys.executable!r}\nargs = [{program!r}]\ntimeout = '10s'\n"
        "[[httppost]]\nendpoint = 'there'\nurl = 'http://there/x'\n"
    )
    (folder / "udf_test.yaml").write_text(
        f"""
tests:
  - name: function
    file: {EXAMPLES}/udf_smooth/script.tick
    precision: s
    input: [{{file: {EXAMPLES}/udf_smooth/input.lp}}]
    expect: {{counts: {{warn: 1, ok: 1}}}}
  - name: endpoint
    dbrps: db.rp
    script: stream|from()|httpPost().endpoint('there')
    input: m x=1
    expect: {{posts: [{{url: "http://there/x", endpoint: there}}]}}
"""
    )
    assert main(["test", "udf_test.yaml", "--config", "tickbus.conf"]) == 0, capsys.readouterr()


def test_it_is_run_again_when_a_file_changes(folder: Path) -> None:
    (folder / "a_test.yaml").write_text(GOOD)
    command = [sys.executable, "-m", "services.cli", "test", "a_test.yaml", "--watch"]
    root = EXAMPLES.parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        killer = threading.Timer(SECONDS, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            assert "1 passed" in until(process, "waiting for changes")
            (folder / "rule.tick").write_text(RULE.replace("< 10", "< 5"))  # what the test reads
            assert "1 failed" in until(process, "waiting for changes")
            (folder / "a_test.yaml").write_text("tests: 3\n")
            assert "tests: must be a list" in until(process, "waiting for changes")
        finally:
            killer.cancel()
            process.kill()


def until(process: subprocess.Popen[str], text: str) -> str:
    """What it prints up to and with a line that has a text."""
    assert process.stdout is not None
    seen = ""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and (line := process.stdout.readline()):
        seen += line
        if text in line:
            return seen
    raise AssertionError(seen)
