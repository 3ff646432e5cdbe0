"""What is said of a script before anything is imported."""

from __future__ import annotations

from services.alerting.handlers import specs
from services.moving.scripts import checking
from services.nodes import registry

CHECK = checking(registry(specs()))
SCRIPT = "var crit lambda\nstream|from()|alert().crit(crit).slack()"


def test_a_template_needs_no_vars_and_a_task_does() -> None:
    assert CHECK(SCRIPT, {}, True) == ""
    assert CHECK(SCRIPT, {"crit": {"type": "lambda", "value": "TRUE"}}, False) == ""
    assert "missing value for var" in CHECK(SCRIPT, {}, False)


def test_what_is_wrong_is_said_as_the_api_says_it() -> None:
    text = 'invalid TICKscript: line 1 char 15: no method or property "nosuch" on *pipeline.FromNode'
    assert CHECK("stream|from()|nosuch()", {}, False) == text
    assert CHECK("stream|from(", {}, False).startswith("invalid TICKscript: parser: unexpected EOF")
    assert CHECK(SCRIPT, {"crit": {"type": "lambda", "value": 1}}, False).startswith("invalid var crit: ")
