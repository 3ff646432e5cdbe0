"""Bytes in kernels: what is found in them, read of them, and compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.kernels.byte_strings import hash_of, same_bytes
from services.kernels.compiled import compiled
from services.kernels.primitives import address_of, any_of, byte, trailing_zeros, word

_commas: Any = any_of(b",;")


@compiled("int64(int64, int64)")
def comma(text: int, at: int) -> Any:
    """How far the next comma or semicolon is, 64 where it is further."""
    return trailing_zeros(_commas(text, at))


@compiled("uint64(int64, int64)")
def read(text: int, at: int) -> Any:
    """Eight bytes, but the first of them twice."""
    return word(text, at) ^ np.uint64(byte(text, at) << 8)


def test_bytes_are_found_where_they_are() -> None:
    text = b"a,b" + bytes(60) + b";" + bytes(64)
    found = [comma(address_of(text), at) for at in (0, 1, 2, 64)]
    assert found == [1, 0, 61, 64]


def test_words_begin_with_their_first_byte() -> None:
    text = b"\x01\x02\x03\x04\x05\x06\x07\x08\x09"
    assert read(address_of(text), 1) == int.from_bytes(text[1:9], "little") ^ 0x200


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 16, 23])
def test_bytes_are_the_same_up_to_a_length(length: int) -> None:
    one = bytes(range(1, 65))
    other = b"xyz" + one[:length] + bytes(64)
    left, right = address_of(one), address_of(other)
    assert same_bytes(left, 0, right, 3, length) and not same_bytes(left, 0, right, 3, length + 1)
    seed = np.uint64(7)
    assert hash_of(left, 0, length, seed) == hash_of(right, 3, length, seed) != hash_of(left, 0, length, np.uint64(8))
    assert hash_of(left, 0, length, seed) != hash_of(left, 0, length + 1, seed)


def test_primitives_are_for_kernels() -> None:
    with pytest.raises(TypeError, match="compiled kernels only"):
        word(0, 0)
