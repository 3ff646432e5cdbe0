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
    assert ElementTree.parse(folder / "report.xml").getroot().attrib["failures"] == "1" and told["mistaken"] == []
    (folder / "mistaken_test.yaml").write_text("tests: 3\n")
    assert main(["test", ".", "--json", "--junit", "report.xml"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["mistaken"] == [{"file": "mistaken_test.yaml", "line": 1, "column": 1, "text": "tests: must be a list"}]
    report = ElementTree.parse(folder / "report.xml").getroot().attrib
    assert (report["tests"], report["failures"], report["errors"]) == ("2", "1", "1")
    assert main(["test", "bad_test.yaml", "--junit", "nowhere/report.xml"]) == 1
    assert "nowhere/report.xml cannot be written" in capsys.readouterr().err


def test_files_are_brought_up_to_date(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad_test.yaml").write_text(BAD)
    assert main(["test", "bad_test.yaml", "--update"]) == 0
    said = capsys.readouterr()
    assert "1 passed" in said.out and said.err == "bad_test.yaml was updated\n"
    assert (folder / "bad_test.yaml").read_text() == BAD.replace("id: b", "id: a")


def test_a_file_is_written_as_a_whole_or_not_at_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "real.yaml").write_text(BAD)
    (folder / "real.yaml").chmod(0o640)
    (folder / "bad_test.yaml").symlink_to("real.yaml")
    assert main(["test", "bad_test.yaml", "--update"]) == 0
    assert (folder / "bad_test.yaml").is_symlink() and (folder / "real.yaml").stat().st_mode & 0o777 == 0o640
    assert "id: a" in (folder / "real.yaml").read_text()
    (folder / "real.yaml.part").mkdir()  # where it would be written first
    (folder / "real.yaml").write_text(BAD)
    assert main(["test", "bad_test.yaml", "--update"]) == 2
    assert "bad_test.yaml: cannot be written" in capsys.readouterr().err
    assert (folder / "real.yaml").read_text() == BAD


ANCHORED = """
tests:
  - name: a
    input: cpu,host=a idle=5
    expect:
      alerts:
        - {id: a}
        - &gone {id: x}
  - {name: b, input: "cpu,host=x idle=5", expect: {alerts: [*gone]}}
"""


def test_what_would_be_no_file_of_tests_any_more_is_not_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anchored = GOOD.partition("name:")[0] + ANCHORED
    (folder / "anchored_test.yaml").write_text(anchored)
    assert main(["test", "anchored_test.yaml", "--update"]) == 2
    assert "cannot be updated, it would have no YAML: found undefined alias" in capsys.readouterr().err
    assert (folder / "anchored_test.yaml").read_text() == anchored


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
    command = [sys.executable, "-m", "services.cli", "test", ".", "--watch"]
    root = EXAMPLES.parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        killer = threading.Timer(SECONDS, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            until(process, "1 passed")
            (folder / "rule.tick").write_text(RULE.replace("< 10", "< 5"))  # what the test reads
            until(process, "1 failed")
            (folder / "a_test.yaml").write_text("tests: 3\n")
            until(process, "tests: must be a list")
            (folder / "a_test.yaml").write_text(GOOD.replace("rule.tick", "renamed.tick"))
            until(process, "renamed.tick cannot be read")
            (folder / "rule.tick").rename(folder / "renamed.tick")  # what the test has waited for
            until(process, "1 failed")
            (folder / "a_test.yaml").unlink()
            until(process, "there is no file")
            (folder / "b_test.yaml").write_text(GOOD.replace("rule.tick", "renamed.tick"))
            until(process, "1 failed")
        finally:
            killer.cancel()
            process.kill()


def until(process: subprocess.Popen[str], text: str) -> None:
    """Wait for a line that has a text."""
    assert process.stdout is not None
    seen = ""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and (line := process.stdout.readline()):
        seen += line
        if text in line:
            return
    raise AssertionError(seen)
