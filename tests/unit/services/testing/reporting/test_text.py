"""What people are told of a test: what was expected beside what came."""

from __future__ import annotations

from pathlib import Path

from tests.support.rule_tests import told

HEAD = """\
dbrps: db.rp
script: |
  stream|from().measurement('cpu').groupBy('host')
      |alert().crit(lambda: "idle" < 10).stateChangesOnly().id('{{ index .Tags "host" }}').message('m')
"""


def test_differences_are_marked(tmp_path: Path) -> None:
    path = tmp_path / "a_test.yaml"
    lines = "".join(f"  cpu,host={host} idle=5 {i}s\n" for i, host in enumerate("abcdefgh"))
    expected = "".join(f"    - {{id: {host}}}\n" for host in "abcd")
    text = f"input: |\n{lines}expect:\n  alerts:\n{expected}    - {{id: e, level: OK, time: 5s}}\n    - {{id: g}}\n"
    path.write_text(f"{HEAD}{text}    - {{id: h}}\n    - {{id: i}}\n")
    assert told(path).replace(str(path), "FILE").splitlines() == [
        "FAILED  FILE:1  a_test",
        "  alerts at 7s: 8 expected, 8 came  (FILE:16)",
        "      … 2 as expected",
        "      {id: c}",
        "      {id: d}",
        "    ! {id: e, level: OK, time: 5s}    came otherwise (line 20)",
        "        level: expected OK",
        "               came     CRITICAL",
        "        time: expected 5s",
        "              came     4s",
        "    + {id: f, level: CRITICAL, message: m, time: 5s}    came, and is not expected",
        "      {id: g}",
        "      {id: h}",
        "    - {id: i}    did not come (line 23)",
    ]


def test_of_much_that_is_wrong_some_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "a_test.yaml"
    lines = "".join(f"  cpu,host=h{i} idle=5 {i}s\n" for i in range(100))
    path.write_text(f"{HEAD}input: |\n{lines}expect: {{alerts: none}}\n")
    shown = told(path).splitlines()
    assert len(shown) < 40 and shown[-1] == "    … 70 more that are not as expected"


def test_counts_are_told_with_what_came(tmp_path: Path) -> None:
    path = tmp_path / "a_test.yaml"
    path.write_text(f"{HEAD}input: cpu,host=a idle=5\nexpect: {{alerts: {{count: 2}}, counts: {{ok: 1}}}}\n")
    assert told(path).replace(str(path), "FILE").splitlines() == [
        "FAILED  FILE:1  a_test",
        "  alerts at 0s: 2 expected, 1 came  (FILE:6)",
        "      {id: a, level: CRITICAL, message: m, time: 0s}",
        "  counts at 0s are not as expected  (FILE:6)",
        "    ok: expected 1",
        "        came     0",
    ]


def test_what_passes_is_a_line_and_what_cannot_be_run_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a_test.yaml"
    path.write_text(f"{HEAD}tests: [{{name: good, expect: nothing}}, {{name: bad, input: x, expect: nothing}}]\n")
    good, bad, why = told(path).replace(str(path), "FILE").splitlines()
    assert (good, bad) == ("ok      FILE:5  good", "ERROR   FILE:5  bad")
    assert why.startswith("    FILE:5:") and "'x': missing fields" in why
