"""``tickbus lint``: scripts looked at by the command line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from services.cli.main import main
from services.linting.rules import RULES

EXAMPLES = Path(__file__).resolve().parents[6] / "tests" / "examples"
GOOD = "stream\n    |from()\n    |log()\n"
WARNED = "stream\n    |from()\n"
BROKEN = "stream|from("


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command runs: a script that is good, one that is warned of, one that is none."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("KAPACITOR_")]:
        monkeypatch.delenv(name)
    (tmp_path / "below").mkdir()
    (tmp_path / "good.tick").write_text(GOOD)
    (tmp_path / "below" / "warned.tick").write_text(WARNED)
    (tmp_path / "broken.tick").write_text(BROKEN)
    return tmp_path


def test_files_directories_and_exit_codes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "good.tick"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["lint", "below"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "below/warned.tick:2:6: warning: nothing is done with what from gives [unreachable]"
    assert lines[-1] == "0 errors, 1 warning"
    assert main(["lint", "below", "--strict"]) == 1
    capsys.readouterr()
    assert main(["lint", "."]) == 1
    out = capsys.readouterr().out
    assert "broken.tick:1:13: error: " in out and "below/warned.tick:2:6: warning: " in out


def test_calls_that_are_mistaken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.txt").write_text("m\n")
    (folder / "empty").mkdir()
    (folder / "binary.tick").write_bytes(b"\xff")
    for arguments, said in (
        ([], "FILES"),
        (["empty"], "there is no file *.tick in empty"),
        (["good.tick", "--json", "--sarif"], "--sarif"),
        (["good.tick", "--interval", "often"], "--interval is a duration"),
        (["good.tick", "--precision", "d"], "'d' is not one of"),
        (["good.tick", "--sample", "nothing.txt"], "nothing.txt cannot be read"),
        (["good.tick", "--sample", "bad.txt"], "bad.txt is no line protocol: point 1: "),
        (["nothing.tick", "good.tick"], "nothing.tick: No such file"),
        (["binary.tick"], "binary.tick: 'utf-8'"),
    ):
        assert main(["lint", *arguments]) == 2
        assert said in capsys.readouterr().err


def test_a_file_that_cannot_be_read_hides_no_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "nothing.tick", "below", "--json"]) == 2
    printed = json.loads(capsys.readouterr().out)
    assert printed["unread"] == ["nothing.tick: No such file or directory"]
    assert [one["rule"] for one in printed["findings"]] == ["unreachable"]


def test_fixing_formats_what_can_be_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = folder / "good.tick"
    script.write_text("stream|from()|log()\n")
    script.chmod(0o640)
    assert main(["lint", "--fix", "good.tick", "broken.tick"]) == 1
    assert "good.tick was formatted" in capsys.readouterr().err
    assert script.read_text() == GOOD and script.stat().st_mode & 0o777 == 0o640
    assert (folder / "broken.tick").read_text() == BROKEN
    assert main(["lint", "--fix", "good.tick"]) == 0
    assert capsys.readouterr().err == ""
    assert {path.name for path in folder.iterdir()} == {"good.tick", "broken.tick", "below"}


def test_a_sample_has_lambdas_looked_at(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "typed.tick").write_text("stream|from().measurement('m').where(lambda: \"v\" == 'a')|log()\n")
    (folder / "points.txt").write_text("m v=1\n")
    assert main(["lint", "typed.tick"]) == 0
    assert main(["lint", "typed.tick", "--sample", "points.txt", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["findings"]
    assert (found["rule"], found["line"], found["column"]) == ("field-type", 1, 50)
    assert '"v" is float in the sample' in found["message"]


def test_functions_are_those_of_the_configuration(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script, program = str(EXAMPLES / "udf_smooth" / "script.tick"), EXAMPLES / "udf_smooth" / "smooth.py"
    assert main(["lint", script]) == 0
    assert "the function @smooth is not known" in capsys.readouterr().out
    for path, said in ((program, ""), (folder / "nothing.py", "UDF smooth cannot be used")):
        (folder / "tickbus.conf").write_text(
            f"[udf.functions.smooth]\nprog = {sys.executable!r}\nargs = [{str(path)!r}]\ntimeout = '10s'\n"
        )
        assert main(["lint", script, "--config", "tickbus.conf"]) == 0
        out = capsys.readouterr().out
        assert said in out and bool(out) == bool(said)


def test_sarif_names_rules_and_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", ".", "--sarif"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == list(RULES)
    warned, broken = run["results"]
    assert rules[warned["ruleIndex"]]["id"] == warned["ruleId"] == "unreachable" and warned["level"] == "warning"
    (place,) = warned["locations"]
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "below/warned.tick"},
        "region": {"startLine": 2, "startColumn": 6, "endColumn": 10},
    }
    assert broken["ruleId"] == "syntax" and broken["level"] == "error"


def test_the_rules_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--rules"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(RULES)
    assert main(["lint", "--rules", "--json"]) == 0
    assert [one["rule"] for one in json.loads(capsys.readouterr().out)] == list(RULES)
