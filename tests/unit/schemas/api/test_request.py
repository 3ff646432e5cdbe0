"""Bodies are read as Go reads JSON."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from schemas.api.operations import LogLevelSchema
from schemas.api.recording import RecordStreamSchema
from schemas.api.task import CreateTaskSchema


@pytest.mark.parametrize(
    ("body", "level"),
    [
        (None, ""),
        ({}, ""),
        ({"level": None}, ""),
        ({"LEVEL": "info"}, "info"),
        ({"level": "a", "Level": "b"}, "b"),
        ({"level": "a", "nosuch": 5}, "a"),
    ],
)
def test_keys_in_any_case_and_null_as_left_out(body: Any, level: str) -> None:
    assert LogLevelSchema().load(body) == {"level": level}


def test_parts_of_bodies_too() -> None:
    given = CreateTaskSchema().load({"Template-ID": "t", "DBRPs": [{"DB": "a", "Rp": "b", "x": 1}, {"db": None}]})
    assert given["template_id"] == "t"
    assert given["dbrps"] == [{"db": "a", "rp": "b"}, {"db": "", "rp": ""}]


@pytest.mark.parametrize("body", [[], "x", 5, {"level": 5}])
def test_what_has_another_shape_is_refused(body: Any) -> None:
    with pytest.raises(ValidationError):
        LogLevelSchema().load(body)


def test_a_time_left_out_differs_from_an_empty_one() -> None:
    assert RecordStreamSchema().load({"stop": None})["stop"] is None
    assert RecordStreamSchema().load({"stop": ""})["stop"] == ""
