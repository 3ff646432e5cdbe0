"""The state codec: types that state is made of, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.columns.column import Duration, Time
from services.store import codec
from services.store.codec import pack, register, unpack

register(Duration, 16, int, Duration)
register(Time, 17, int, Time)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**63),
        2**64 - 1,
        2**64,
        -(2**200),
        1.5,
        float("inf"),
        "ü\ud800",
        b"\x00\xff",
        [1, [2.0, "3"]],
        (1, (), (None, [()])),
        {1: "int", "1": "str", b"1": "bytes", (1, "a"): "tuple", None: "none", 2**70: "big", 1.5: "float"},
        Duration(5),
        [Time(2**70), {"d": (Duration(1),)}],
    ],
)
def test_values_come_back_as_they_were(value: Any) -> None:
    back = unpack(pack(value))
    assert back == value and _types(back) == _types(value)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.int64).reshape(3, 4)[:, ::2],
        np.array([], dtype=np.float64),
        np.array(5, dtype=np.uint8),
        np.array([True, False]),
        np.array([1.5, np.nan], dtype=np.float32),
        np.array(["a", "übër"]),
        np.array([b"ab"]),
        np.array(["2020-01-01"], dtype="datetime64[ns]"),
        np.zeros((0, 3), dtype=np.intp),
        np.arange(3, dtype=">i4"),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
    ],
)
def test_arrays_come_back_as_they_were(array: np.ndarray[Any, Any]) -> None:
    back = unpack(pack({"a": array}))["a"]
    assert back.dtype == array.dtype and back.shape == array.shape and back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_object_arrays_keep_each_value() -> None:
    array = np.array([["a", 1.5, 7], [True, None, Duration(9)]], dtype=np.object_)
    back = unpack(pack(array))
    assert back.dtype == np.object_ and back.shape == (2, 3)
    assert _types(back.tolist()) == _types(array.tolist()) and back.tolist() == array.tolist()
    nested = np.empty(2, dtype=np.object_)
    nested[:] = [[1, 2], (3,)]
    assert unpack(pack(nested)).tolist() == [[1, 2], (3,)]


def test_numpy_scalars_keep_their_type() -> None:
    for scalar in (np.int32(-5), np.float64(2.5), np.bool_(True), np.str_("x")):
        back = unpack(pack(scalar))
        assert type(back) is type(scalar) and back == scalar


def test_what_cannot_be_packed_is_an_error() -> None:
    class Count(int):
        pass

    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    structured = np.zeros(2, dtype=[("a", "i4")])
    for value in (object(), {1, 2}, Count(1), structured, np.array([object()], dtype=np.object_)):
        with pytest.raises(TypeError):
            pack(value)
    with pytest.raises(ValueError):
        pack(deep)


def test_what_was_not_packed_is_an_error() -> None:
    whole = pack({"a": np.arange(100), "b": [Duration(1), "x" * 100]})
    for damaged in (b"", b"x", whole[:-1], whole + b"\x00", b"\xb5TB\x02" + whole[4:], b"\xb5TB\x01\xc1"):
        with pytest.raises(ValueError):
            unpack(damaged)
    object_bytes = codec._HEADER + codec.Writer().pack(
        codec.msgpack.ExtType(3, codec.Writer().pack(["|O", [1]]) + bytes(8))
    )
    with pytest.raises(ValueError):
        unpack(object_bytes)


def test_a_later_format_is_told_from_garbage() -> None:
    with pytest.raises(ValueError, match="packed state of format 2: this version of tickbus reads format 1"):
        unpack(b"\xb5TB\x02" + pack([1])[4:])
    with pytest.raises(ValueError, match="not packed state"):
        unpack(b"\xb5TC\x01" + pack([1])[4:])


def test_a_code_belongs_to_one_type() -> None:
    register(Duration, 16, int, Duration)
    with pytest.raises(ValueError):
        register(Time, 16, int, Time)
    with pytest.raises(ValueError):
        register(Time, 3, int, Time)


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            _types(key) if isinstance(key, tuple) else (type(key), key): _types(each) for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return (type(value), *map(_types, value))
    return type(value)
