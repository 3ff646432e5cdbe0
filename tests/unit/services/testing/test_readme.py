"""The examples of the READMEs pass."""

from __future__ import annotations

import re
from pathlib import Path

from services.testing.running.result import PASSED
from tests.support.rule_tests import results_of, told

ROOT = Path(__file__).resolve().parents[4]
_BLOCK = re.compile(r"^```(js|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FIRST = "stream|from().measurement('cpu').groupBy('host')|alert().crit(lambda: \"usage_idle\" < 10.0).topic('cpu')\n"


def test_the_example_of_the_room(tmp_path: Path) -> None:
    text = (ROOT / "services" / "testing" / "README.md").read_text("utf-8")
    (_, script), (_, tests) = _BLOCK.findall(text)[:2]
    passes(tmp_path, script, tests)


def test_the_example_for_users(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8").partition("## Test your rules")[2]
    _, tests = _BLOCK.findall(text)[0]
    passes(tmp_path, _FIRST, tests)


def passes(folder: Path, script: str, tests: str) -> None:
    (folder / "cpu.tick").write_text(script, "utf-8")
    path = folder / "cpu_test.yaml"
    path.write_text(tests, "utf-8")
    assert [result.status for result in results_of(path)] == [PASSED], told(path)
