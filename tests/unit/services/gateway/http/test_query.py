"""Queries of URLs."""

from __future__ import annotations

import pytest

from services.gateway.http.query import read_query


@pytest.mark.parametrize(
    ("query", "read"),
    [
        (b"", {}),
        (b"db=a&rp=b&db=c", {"db": ["a", "c"], "rp": ["b"]}),
        (b"&&a&b=", {"a": [""], "b": [""]}),
        (b"a+b=c%20d+e&%64b=x%3Dy=z", {"a b": ["c d e"], "db": ["x=y=z"]}),
        (b"db=%C3%BC&rp=\xc3\xbc", {"db": ["ü"], "rp": ["ü"]}),
        (b"db=a;rp=b&precision=s", {"precision": ["s"]}),
        (b"db=%zz&rp=%2&p=%41", {"p": ["A"]}),
        (b"db=%ff", {"db": ["\ufffd"]}),
    ],
)
def test_a_query_is_read_as_go_reads_it(query: bytes, read: dict[str, list[str]]) -> None:
    assert read_query(query) == read
