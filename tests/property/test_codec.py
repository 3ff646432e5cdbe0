"""Whatever state is made of comes back, and no bytes make unpack fail with anything but ValueError."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from services.store.codec import pack, unpack

_text = st.text(st.characters())
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _text | st.binary()
_keys = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _text | st.binary(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=4,
)
_arrays = hnp.arrays(
    st.sampled_from(["int64", "float64", "bool", "uint8", "float32", "intp", "U3", "S2", "datetime64[ns]"]),
    hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4),
)
_objects = st.lists(_scalars, max_size=5).map(lambda values: np.array([*values, None], dtype=np.object_)[:-1])
_values = st.recursive(
    _scalars | _arrays | _objects,
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(_keys, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_values)
def test_values_come_back(value: Any) -> None:
    assert _same(unpack(pack(value)), value)


@given(_values, st.data())
def test_damaged_bytes_are_a_value_error_or_a_value(value: Any, data: st.DataObject) -> None:
    packed = bytearray(pack(value))
    at = data.draw(st.integers(0, len(packed) - 1))
    packed[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        unpack(bytes(packed))


@given(st.binary())
def test_any_bytes_are_a_value_error_or_a_value(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        unpack(b"\xb5TB\x01" + raw)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype == np.object_:
            return _same(one.tolist(), other.tolist())
        return one.tobytes() == other.tobytes()
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return list(map(type, one)) == list(map(type, other)) and all(
            key in other and _same(one[key], other[key]) for key in one
        )
    return bool(one == other)
