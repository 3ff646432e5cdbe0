"""Files of tests read, and what is wrong with them told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.testing.errors import BadTestFile
from services.testing.format.reading import read_tests

WHOLE = """\
file: rule.tick
dbrps: telegraf.autogen
vars: {a: 1, b: 2}
precision: s
tests:
  - name: first
    vars: {b: 3}
    input: m x=1
    expect: nothing
  - name: second
    script: stream|from()
    dbrps: [db.rp, '"other"."rp"']
    input:
      - at: 1m
        lines: [m x=1, m x=2]
        dbrp: other.rp
        expect: {alerts: none, nodes: {from1: none}}
---
file: rule.tick
dbrps: db.rp
expect: nothing
"""


def written(folder: Path, text: str) -> Path:
    (folder / "rule.tick").write_text("stream|from().measurement('m')\n", "utf-8")
    path = folder / "a_test.yaml"
    path.write_text(text, "utf-8")
    return path


def test_what_stands_beside_the_tests_holds_for_all(tmp_path: Path) -> None:
    file = read_tests(written(tmp_path, WHOLE))
    first, second, third = file.tests
    assert (first.task, first.vars, first.dbrps) == ("rule", {"a": 1, "b": 3}, (("telegraf", "autogen"),))
    assert first.steps[0].lines == ("m x=1",) and first.expect is not None and first.expect.nothing
    assert (second.script, second.task) == ("stream|from()", "test")
    assert second.dbrps == (("db", "rp"), ("other", "rp"))
    (step,) = second.steps
    assert (step.at, step.lines, step.dbrp) == ("1m", ("m x=1", "m x=2"), ("other", "rp"))
    assert step.expect is not None
    assert [(one.kind, one.name) for one in step.expect.sections] == [("alerts", ""), ("nodes", "from1")]
    assert third.name == "a_test 2"
    assert set(file.reads) == {tmp_path / "a_test.yaml", tmp_path / "rule.tick"}


def test_vars_and_databases_may_be_those_that_define_takes(tmp_path: Path) -> None:
    (tmp_path / "vars.yaml").write_text("dbrps: [{db: d, rp: r}]\nvars: {m: {type: string, value: cpu}}\n")
    (test,) = read_tests(written(tmp_path, "template: rule.tick\nvars: vars.yaml\nexpect: nothing\n")).tests
    assert (test.vars, test.dbrps) == ({"m": {"type": "string", "value": "cpu"}}, (("d", "r"),))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("expct: nothing", "6:5: tests.0.expct: unknown key 'expct'; did you mean 'expect'?"),
        ("expect: {alrts: none}", "6:14: tests.0.expect.alrts: unknown key 'alrts'; did you mean 'alerts'?"),
        ("expect: {alerts: [{lvel: OK}]}", "tests.0.expect.alerts.0.lvel: unknown key 'lvel'; did you mean 'level'?"),
        ("expect: {alerts: {sme: []}}", "tests.0.expect.alerts.sme: unknown key 'sme'; did you mean 'some'?"),
        ("expect: {alerts: {some: [], exactly: []}}", "has more than one of"),
        ("expect: {alerts: 3}", "6:14: tests.0.expect.alerts: must be a list, none, or a mapping with one of"),
        ("expect: {alerts: {count: -1}}", "must be a number that is not negative"),
        ("expect: {counts: {warning: 1}}", "tests.0.expect.counts.warning"),
        ("expect: soon", "must be a mapping, or nothing"),
        ("expect: {}", "6:5: tests.0.expect: names nothing"),
        ("expect: {nodes: {}}", "6:5: tests.0.expect: names nothing"),
        ('template: "a\\0b"', "stands beside file"),
        ('vars: "a\\0b"', "cannot be read: embedded null byte"),
        ("input: [{evry: 1s}]", "6:14: tests.0.input.0.evry: unknown key 'evry'; did you mean 'every'?"),
        ("input: [{every: 1s, lines: m x=1}]", "tests.0.input.0.every: every and until go together"),
        ("input: [{}]", "says nothing"),
        ("input: 3", "must be line protocol, or a list of steps"),
        ("input: [{answers: [{tags: {a: b}}]}]", "tests.0.input.0.answers.0.points: is missing"),
        ("input: [{file: nowhere.lp}]", "6:14: there is no file"),
        ("dbrps: telegraf", "6:5: 'telegraf' must be a database and a retention policy"),
        ("template: rule.tick", "stands beside file"),
        ("precision: d", "tests.0.precision: Must be one of: ns, us, ms, s, m, h."),
        ("vars: 3", "must be a mapping, or the path of a file"),
        ("vars: nowhere.json", "cannot be read: No such file"),
        ("name: other", "6:5: the key 'name' stands twice"),
    ],
)
def test_what_is_wrong_has_its_place(tmp_path: Path, line: str, error: str) -> None:
    text = f"dbrps: d.r\ntests:\n  -\n    name: one\n    file: rule.tick\n    {line}\n"
    path = written(tmp_path, text)
    with pytest.raises(BadTestFile) as refused:
        read_tests(path)
    assert str(refused.value).startswith(str(path)) and error in str(refused.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "there are no tests in it"),
        ("[1]", "must be a mapping with `tests`"),
        ("tests: []", "tests: there are none"),
        ("tests: 3", "1:1: tests: must be a list"),
        ("expect: nothing", "no script: give `script`, `file` or `template`"),
        ("file: nowhere.tick\nexpect: nothing", "1:1: "),
        ("file: rule.tick\ntests: [{name: a}, {name: a}]", "2:20: a test 'a' stands at line 2 already"),
    ],
)
def test_what_is_no_file_of_tests(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(BadTestFile, match=r"a_test\.yaml") as refused:
        read_tests(written(tmp_path, text))
    assert error in str(refused.value)


def test_what_is_missing_is_known_to_be_a_part_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, "tests:\n  - {file: rule.tick}\n  - {file: nowhere.tick}\n")
    with pytest.raises(BadTestFile) as refused:
        read_tests(path)
    assert refused.value.reads == (path, tmp_path / "rule.tick", tmp_path / "nowhere.tick")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadTestFile, match="cannot be read: No such file"):
        read_tests(tmp_path / "nowhere.yaml")
