"""Places, comments that silence rules, and scripts that are known to be good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from services.linting.finding import Severity
from services.linting.rules import RULES
from tests.support.linting import findings, told

TESTS = Path(__file__).resolve().parents[3]
EXAMPLES = sorted((TESTS / "examples").rglob("*.tick"))

# What the scripts of the conformance cases are warned of: they are there to show just that.
WARNED = {
    "alert-handler",
    "alert-id",
    "alert-level",
    "join-groupings",
    "never-true",
    "stateful-in-alert",
    "unused-var",
    "stateful-in-batch",
    "unreachable",
}


# Kapacitor starts them, and every point fails.
FAILING = [
    ("alert_odd_conditions", 'there is no function "foo"'),
    ("lang_math_one", 'there is no function "round"'),
    ("node_eval_errors", 'there is no function "nosuch"'),
]


def test_columns_are_characters_and_end_behind_the_word() -> None:
    (one,) = findings("var é = 'ü' var spare = 5\nstream|from().measurement(é)|log()")
    assert (one.line, one.column, one.end) == (1, 17, 22)
    assert str(one) == "x.tick:1:17: warning: the var spare is never read [unused-var]"


def test_a_text_does_not_say_its_place_again() -> None:
    assert [one.message for one in findings("stream\n    |frm()")] == [
        'no method or property "frm" on *pipeline.StreamNode'
    ]


def test_an_unknown_function_is_no_error() -> None:
    (one,) = findings("stream|from()@smooth().size(3)|log()")
    assert (one.rule, one.severity) == ("compile", Severity.WARNING)
    (one,) = findings("stream|from()|frm()@smooth().size(3)|log()")
    assert (one.rule, one.severity) == ("compile", Severity.ERROR)


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("alert-handler", ["alert-id"]),
        ("alert-id, alert-handler", []),
        ("", []),
        ("unused-var", ["alert-handler", "alert-id"]),
    ],
)
def test_a_comment_on_the_line_before_says_that_it_is_meant(comment: str, left: list[str]) -> None:
    text = f"stream\n    |from()\n        .groupBy('host')\n    // tickbus:ignore {comment}\n    |alert()\n"
    assert [rule for rule, *_ in told(text + "        .crit(lambda: TRUE)\n        .id('x')\n")] == left


def test_no_comment_makes_a_mistake_good() -> None:
    assert told("// tickbus:ignore\nstream|frm()") == [("compile", 2, 8)]
    assert told("// tickbus:ignore\nstream|from(") == [("syntax", 2, 13)]


def test_all_statements_that_cannot_be_read_are_told() -> None:
    assert told("var é = = 1 var spare = 5\nvar y = \nvar z = 1\nstream|from(,)\n") == [
        ("syntax", 1, 9),
        ("syntax", 3, 1),
        ("syntax", 4, 13),
    ]


def test_what_tasks_give_a_template_is_not_judged() -> None:
    text = """\
var measurement string
var every duration
var tags list
var crit lambda
var name string
var topic string
var pattern regex
var a = stream|from().measurement(measurement).groupBy('host')
var b = stream|from().measurement('cpu').groupBy(tags)
a|join(b).as('a', 'b')|alert().id(name).crit(crit).topic(topic)
b|where(lambda: "host" =~ pattern)|window().period(every).every(every)|mean('idle')
    |log()|alert().id(name).crit(crit).topic('t')
a|window().period(1m).every(1m)|deadman(0.0, every).id(name).post(topic)
"""
    assert told(text, "".join(f"cpu,host=h{i} idle=1 {i}\n" for i in range(30))) == []
    assert told(text.replace(".id(name)", ".id('x')").replace(".topic(topic)", "")) == [
        ("unused-var", 5, 5),
        ("alert-handler", 10, 24),
        ("alert-id", 10, 24),
        ("alert-id", 13, 33),
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.parent.name))
def test_the_examples_are_in_order(path: Path) -> None:
    found = findings(path.read_text("utf-8"))
    assert [one.rule for one in found] == (["compile"] if path.parent.name == "udf_smooth" else [])
    assert not [one for one in found if one.severity is Severity.ERROR]


def test_what_kapacitor_takes_has_no_errors_and_few_warnings() -> None:
    scripts = list(taken())
    found = [(case, one) for case, script in scripts for one in findings(script)]
    assert len(scripts) > 300
    assert [(case, one.message) for case, one in found if one.severity is Severity.ERROR] == FAILING
    warned = [(case, one.rule) for case, one in found if one.severity is Severity.WARNING]
    assert {rule for _, rule in warned} <= WARNED
    assert len(dict(warned)) < 40


def taken() -> Iterator[tuple[str, str]]:
    """The scripts of tasks that Kapacitor has defined and started."""
    for path in sorted((TESTS / "conformance" / "cases").rglob("*.yaml")):
        golden = path.with_name(f"{path.stem}.golden.json")
        if not golden.exists():
            continue
        steps = yaml.safe_load(path.read_text("utf-8"))["steps"]
        for step, answer in zip(steps, json.loads(golden.read_text("utf-8")), strict=False):
            task = step.get("task")
            answered = isinstance(answer, dict) and answer.get("status") == 200
            if isinstance(task, dict) and "script" in task and not task.get("vars") and answered:
                yield path.stem, task["script"]


def test_the_readme_has_every_rule_as_it_documents_itself() -> None:
    readme = (TESTS.parent / "services" / "linting" / "README.md").read_text("utf-8")
    rows = [f"| `{one.name}` | {one.severity.value} | {one.about} |" for one in RULES.values()]
    assert "\n".join(rows) in readme
    assert all(one.about.endswith(".") for one in RULES.values())
