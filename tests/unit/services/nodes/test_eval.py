"""eval: what `keep` keeps of names that the expressions refer to."""

from __future__ import annotations

from typing import Any

from tests.support.graph import Batch, Point, ScriptRun

LINES = ("m,h=a v=1 1", "m,h=b v=2,w=1 2", "m v=3 3")


def kept(expression: str, names: str) -> list[dict[str, Any]]:
    script = f"stream|from()|eval(lambda: {expression}).as('x').keep({names})|httpOut('end')"
    return [point.fields for point in ScriptRun(script).write(*LINES).last("http_out") if isinstance(point, Point)]


def test_a_tag_that_is_referred_to_becomes_a_field() -> None:
    found = kept('isPresent("h") AND "h" == \'a\'', "'h', 'x'")
    assert found == [{"h": "a", "x": True}, {"h": "b", "x": False}, {"h": None, "x": False}]


def test_a_tag_that_is_not_referred_to_is_no_field() -> None:
    assert kept('"v"', "'h', 'x'") == []


def test_a_field_that_is_referred_to_and_missing_is_a_null() -> None:
    found = kept('if(isPresent("w"), 1, 0)', "'w', 'x'")
    assert found == [{"w": None, "x": 0}, {"w": 1.0, "x": 1}, {"w": None, "x": 0}]


def test_a_null_kept_so_is_missing_to_what_follows() -> None:
    chain = "|eval(lambda: if(isPresent(\"w\"), 1, 0)).as('x').keep('w', 'x')"
    tail = "|window().periodCount(3).everyCount(3)|where(lambda: isPresent(\"w\"))|httpOut('end')"
    (batch,) = ScriptRun(f"stream|from(){chain}{tail}").write(*LINES).last("http_out")
    assert isinstance(batch, Batch)
    assert [fields["x"] for _, _, fields in batch.points] == [1]
