"""What programs are told of tests."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from services.testing.errors import BadTestFile
from services.testing.reporting.coverage import coverage_lines, coverage_of
from services.testing.reporting.plain import junit, plain_of
from tests.support.rule_tests import results_of

TESTS = """\
dbrps: db.rp
file: rule.tick
tests:
  - {name: good, input: "cpu,host=a idle=5", expect: {counts: {crit: 1}}}
  - {name: "b\\u0001d <&>", input: "cpu,host=a idle=5", expect: {alerts: [{id: b}, {id: c}], counts: {crit: 2}}}
  - {name: broken, input: x, expect: nothing}
"""
SCRIPT = """\
var cpu = stream|from().measurement('cpu').groupBy('host')
cpu|alert().warn(lambda: "idle" < 20).crit(lambda: "idle" < 10).id('a')
cpu|where(lambda: FALSE)
"""


def written(folder: Path) -> Path:
    (folder / "rule.tick").write_text(SCRIPT)
    path = folder / "a_test.yaml"
    path.write_text(TESTS)
    return path


def test_junit(tmp_path: Path) -> None:
    path = written(tmp_path)
    root = ElementTree.fromstring(junit(results_of(path)))
    assert {name: root.attrib[name] for name in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    (suite,) = root
    assert suite.attrib["name"] == str(path)
    good, bad, broken = suite
    assert (good.attrib["name"], good.attrib["line"], len(good)) == ("good", "4", 0)
    assert bad.attrib["name"] == "b\ufffdd <&>"
    (failure,), (error,) = bad, broken
    assert failure.tag == "failure" and "did not come" in (failure.text or "")
    assert failure.attrib["message"].startswith("alerts at 0s: 2 expected, 1 came")
    assert error.tag == "error" and "missing fields" in error.attrib["message"]


def test_files_that_are_mistaken_are_in_the_report() -> None:
    root = ElementTree.fromstring(junit([], [BadTestFile("a\x00.yaml", "no YAML", 3, 1)]))
    assert (root.attrib["tests"], root.attrib["errors"], root.attrib["failures"]) == ("1", "1", "0")
    ((case,),) = root
    (error,) = case
    assert (case.attrib["classname"], error.attrib["message"]) == ("a\ufffd.yaml", "no YAML")
    assert error.text == "a\ufffd.yaml:3:1: no YAML"


def test_json(tmp_path: Path) -> None:
    good, bad, broken = map(plain_of, results_of(written(tmp_path)))
    assert (good["status"], good["failures"], good["problem"]) == ("passed", [], None)
    alerts, counts = bad["failures"]
    assert (alerts["what"], alerts["missing"], alerts["unexpected"]) == ("alerts", [1], [])
    assert alerts["different"] == [{"expected": 0, "got": 0, "at": [["id"]]}]
    assert counts["different"] == [["crit"]] and counts["got"]["crit"] == 1
    assert broken["status"] == "error" and broken["problem"]["line"] == 6


def test_coverage_is_of_all_tests_of_a_script(tmp_path: Path) -> None:
    (found,) = coverage_of(results_of(written(tmp_path)))
    assert found.plain() == {
        "script": str(tmp_path / "rule.tick"),
        "nodes": {"all": 3, "covered": 2, "quiet": ["where3"]},
        "levels": {"all": 3, "covered": 1, "missed": {"alert2": ["OK", "WARNING"]}},
    }
    assert list(coverage_lines([found])) == [
        f"{tmp_path / 'rule.tick'}: 2 of 3 nodes, 1 of 3 levels",
        "    gave nothing: where3",
        "    alert2 never was OK, WARNING",
    ]
