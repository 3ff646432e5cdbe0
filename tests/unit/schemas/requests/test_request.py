"""Requests: what is not as its schema says goes neither way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, validate

from schemas.requests import alerting, commands, engine, gateway, process, recorder
from schemas.requests.commands import decode_reply, encode_reply
from schemas.requests.engine import ENGINE_STATS, TASK_ENDPOINT, TASK_STATS
from schemas.requests.recorder import RECORDER_EXPORT
from schemas.requests.request import ALL, Message, Request
from schemas.requests.shape import MalformedMessage, predicate, why

NODE = {"avg_exec_time_ns": 1, "collected": 2, "emitted": 3, "errors": 0, "working_cardinality": 1}
TASK = {"executing": True, "stats": {"task-stats": {"throughput": 1.5}, "node-stats": {"from1": NODE}}}
WORKER = {"worker": "w", "lag": 0, "refused": 0, "went_back": 0, "ingress": [("d", "r", "m", 1)], "tasks": {"t": TASK}}


class InnerSchema(Message):
    number = fields.Integer(required=True)
    share = fields.Float()


class OuterSchema(Message):
    name = fields.String(data_key="the-name", required=True, validate=validate.OneOf(("a", "b")))
    size = fields.Integer(validate=validate.Range(min=0))
    flag = fields.Boolean(allow_none=True)
    inner = fields.Nested(InnerSchema, allow_none=True)
    many = fields.List(fields.Nested(InnerSchema))
    pairs = fields.List(fields.Tuple((fields.String(), fields.Integer())))
    by_name = fields.Dict(fields.String(), fields.List(fields.Integer()))
    anything = fields.Raw()


def test_every_request_is_declared_once_and_has_both_schemas() -> None:
    declared = [
        one
        for module in (alerting, commands, engine, gateway, process, recorder)
        for one in vars(module).values()
        if isinstance(one, Request)
    ]
    assert {one.subject for one in declared} == {one.subject for one in ALL}
    assert len({one.subject for one in ALL}) == len(ALL)
    assert all(one.request is not None and one.response is not None for one in ALL)


def test_names_stand_in_the_subject() -> None:
    assert TASK_STATS.tokens("my.task") == ["task", "my.task", "stats"]
    assert ENGINE_STATS.tokens() == ["engine", "stats"]
    assert ENGINE_STATS.tokens("w 1") == ["engine", "stats", "w 1"]


def test_bytes_are_what_they_always_were() -> None:
    assert ENGINE_STATS.encode_request() == b"{}"
    assert TASK_ENDPOINT.encode_request(endpoint="shown") == b'{"endpoint":"shown"}'
    assert (
        TASK_ENDPOINT.encode_response({"status": 404, "body": {"error": "x"}}) == b'{"status":404,"body":{"error":"x"}}'
    )
    assert encode_reply(200, b'{"a": -0}') == b'{"status":200,"body":{"a": -0}}'
    assert RECORDER_EXPORT.encode_response(b"\x00") == b"\x00" == RECORDER_EXPORT.decode_response(b"\x00")


def test_what_a_request_leaves_out_is_filled_in() -> None:
    assert ENGINE_STATS.decode_request(b"") == ENGINE_STATS.decode_request(b"{}") == {"ids": None}
    assert ENGINE_STATS.decode_request(b'{"ids":["t"],"later":1}') == {"ids": ["t"]}
    with pytest.raises(ValidationError):
        TASK_ENDPOINT.decode_request(b"{}")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[",
        b"[]",
        b"null",
        b"{}",
        b'{"executing":1,"stats":{}}',
        b'{"executing":true}',
        b'{"executing":true,"stats":{"node-stats":{"from1":{"collected":"many"}}}}',
    ],
)
def test_a_malformed_response_says_of_what_it_was_to_be_one(data: bytes) -> None:
    with pytest.raises(MalformedMessage, match=r"^task\.\{id\}\.stats: ."):
        TASK_STATS.decode_response(data)


def test_what_is_no_message_is_not_sent() -> None:
    with pytest.raises(MalformedMessage):
        TASK_ENDPOINT.encode_request()
    with pytest.raises(MalformedMessage):
        TASK_STATS.encode_response({"executing": "yes", "stats": {}})
    with pytest.raises(MalformedMessage):
        RECORDER_EXPORT.encode_response("text")
    for data in (b"", b"7", b'{"status":"200","body":null}', b'{"status":200}'):
        with pytest.raises(MalformedMessage):
            decode_reply(data)


def test_a_kind_of_field_that_nothing_checks_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="no message holds a Email"):
        predicate(fields.Email())


async def test_a_long_response_is_checked_as_any_other() -> None:
    data = await ENGINE_STATS.encode_long_response(WORKER)
    assert data == ENGINE_STATS.encode_response(WORKER)
    assert await ENGINE_STATS.decode_long_response(data) == ENGINE_STATS.decode_response(data)
    many = {f"t{i}": TASK for i in range(200)}
    for wrong in (
        {key: value for key, value in WORKER.items() if key != "lag"},
        {key: value for key, value in WORKER.items() if key != "tasks"},
        WORKER | {"tasks": []},
        WORKER | {"tasks": many | {"last": {"executing": True}}},
        WORKER | {"ingress": [("d", "r", "m")]},
        [],
    ):
        with pytest.raises(MalformedMessage):
            ENGINE_STATS.encode_response(wrong)
        with pytest.raises(MalformedMessage):
            await ENGINE_STATS.encode_long_response(wrong)  # type: ignore[arg-type]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-1, 1) | st.sampled_from(["a", "b", "c", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["number", "share", "x", "y"]), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["the-name", "size", "flag", "inner", "many", "pairs", "by_name", "anything", "more"]


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_what_is_let_pass_marshmallow_takes_as_it_is(message: dict[str, Any]) -> None:
    schema = OuterSchema()
    try:
        loaded = schema.load(message)
    except ValidationError:
        assert not predicate(schema)(message)
        assert why(schema, message)
        return
    # of what marshmallow takes, only that is refused which it would have to convert first
    exact = _as_it_is(schema.dump(loaded), message)
    assert predicate(schema)(message) == exact


def _as_it_is(dumped: Any, given: Any) -> bool:
    """Whether loading has changed nothing but left keys out; a whole number may stand for one with a fraction."""
    if isinstance(given, dict) and isinstance(dumped, dict):
        return all(_as_it_is(value, given[key]) for key, value in dumped.items())
    if isinstance(given, list | tuple) and isinstance(dumped, list | tuple):
        return len(given) == len(dumped) and all(map(_as_it_is, dumped, given))
    if isinstance(dumped, float) and isinstance(given, int) and not isinstance(given, bool):
        return dumped == given
    return type(dumped) is type(given) and bool(dumped == given)
