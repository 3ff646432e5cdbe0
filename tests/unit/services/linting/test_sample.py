"""What a sample of line protocol tells."""

from __future__ import annotations

import pytest

from services.expressions.typed.types import ValueType
from services.linting.sample import BadSample, read_sample


def test_types_tags_and_intervals() -> None:
    body = b'# a comment\ncpu,host=a v=1,s="x" 10\ncpu,host=b v=1 11\ncpu,host=a v=1i 20\ncpu,host=a v=1 30\nm v=t\n'
    found = read_sample(body, "s").measurements
    assert found["cpu"].fields == {"v": {ValueType.FLOAT, ValueType.INT}, "s": {ValueType.STRING}}
    assert found["cpu"].tags == {"host": {"a", "b"}}
    assert found["cpu"].interval == 10_000_000_000
    assert found["m"].fields == {"v": {ValueType.BOOL}}
    assert found["m"].interval is None


def test_what_is_no_line_protocol_is_named() -> None:
    with pytest.raises(BadSample, match="point 2: missing fields"):
        read_sample(b"m v=1\nm\n")
