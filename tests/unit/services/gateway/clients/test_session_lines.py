"""Lines of the log as JSON: those on points as Chronograf reads them."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.clients.session_lines import session_object
from services.process.log import Text, key, logfmt
from services.process.log_lines import parse

HEAD = {"ts": "2026-01-02T03:04:05.678Z", "lvl": "info", "service": "kapacitor", "task": "t", "node": "log2"}


def shown(msg: str, **keys: Any) -> dict[str, Any]:
    """The JSON of a line, without what all lines have."""
    line = logfmt(**HEAD, msg=msg, **keys)
    found = dict(session_object(line, parse(line)))
    assert {name: found.pop(name) for name in HEAD} == HEAD and found.pop("msg") == msg
    return found


@pytest.mark.parametrize("msg", ["point", "batch point"])
def test_tags_and_fields_of_a_point_are_objects_with_their_types(msg: str) -> None:
    tags = {key("tag_host"): "1", key("tag_a b"): "true"}
    fields = {key("field_i"): -7, key("field_f"): "0.25", key("field_b"): False, key("field_d=e\\"): Text("7")}
    fields |= {key("field_none"): None, key("field_nan"): "NaN", key("field_large"): "1" + 300 * "0"}
    assert shown(msg, prefix="", dimension_0="host", **tags, **fields, time="x") == {
        "prefix": "",
        "dimension_0": "host",
        "tag": {"host": "1", "a b": "true"},
        "field": {"i": -7, "f": 0.25, "b": False, "d=e\\": "7", "none": None, "nan": "NaN", "large": 1e300},
        "time": "x",
    }
    assert shown(msg, name="m") == {"name": "m", "tag": {}, "field": {}}


@pytest.mark.parametrize("msg", ["begin batch", "end batch"])
def test_a_batch_has_its_tags(msg: str) -> None:
    assert shown(msg, name="m", tag_host="a") == {"name": "m", "tag": {"host": "a"}}


def test_other_lines_are_texts_throughout() -> None:
    assert shown("alert triggered", level="OK", tag_x=1, field_y=2) == {"level": "OK", "tag_x": "1", "field_y": "2"}
    line = logfmt(msg="point", service="engine", field_y=2)
    assert session_object(line, parse(line)) == {"msg": "point", "service": "engine", "field_y": "2"}
