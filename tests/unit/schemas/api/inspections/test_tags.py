"""Tags in one text."""

from __future__ import annotations

import pytest

from schemas.api.inspections.tags import parse_tags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("", {}),
        ("host=a", {"host": "a"}),
        ("host=a,cpu=0", {"host": "a", "cpu": "0"}),
        (r"host=a\,b,cpu=0", {"host": "a,b", "cpu": "0"}),
        (r"a\=b=c=d", {"a=b": "c=d"}),
        (r"a\ b=c d\ e", {"a b": "c d e"}),
        (r"path=C:\dir\,x", {"path": r"C:\dir,x"}),
        ("host=é\nü", {"host": "é\nü"}),
    ],
)
def test_tags(text: str, tags: dict[str, str]) -> None:
    assert parse_tags(text) == tags


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("host", "host"),
        ("=a", "=a"),
        ("host=", "host="),
        ("host=a,b", "b"),
        ("host=a,,c=d", ",c=d"),
        (r"a\=b", r"a\=b"),
    ],
)
def test_mistakes_are_told_from_where_they_begin(text: str, part: str) -> None:
    with pytest.raises(ValueError, match="^" + part.replace("\\", "\\\\") + "$"):
        parse_tags(text)


def test_a_long_text_takes_no_long_time() -> None:
    with pytest.raises(ValueError, match="x"):
        parse_tags("x\\" * 100_000)
