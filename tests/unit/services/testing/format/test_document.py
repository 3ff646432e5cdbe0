"""YAML as plain data that knows where it stands."""

from __future__ import annotations

import pytest

from services.testing.errors import BadTestFile
from services.testing.format.document import read_documents

TEXT = """\
# a comment
a: 1   # behind
b:
  - {x: 1e3, "y": zürich}   # behind
  - q: |
      text
      more
    r: 5m
  # between

c: &anchor {k: yes}
d: {<<: *anchor, l: ""}
---
second: document
---
"""


def test_values_know_their_places() -> None:
    first, second = read_documents(TEXT, "f")
    assert first.plain == {
        "a": 1,
        "b": [{"x": 1000.0, "y": "zürich"}, {"q": "text\nmore\n", "r": "5m"}],
        "c": {"k": True},
        "d": {"k": True, "l": ""},
    }
    assert second.plain == {"second": "document"}
    texts = {path: TEXT[first.at(path).begin : first.at(path).end] for path in [("a",), ("b", 0), ("b", 0, "y")]}
    assert texts == {("a",): "1", ("b", 0): '{x: 1e3, "y": zürich}', ("b", 0, "y"): "zürich"}
    assert TEXT[first.at(["b"]).begin : first.at(["b"]).end].endswith("r: 5m")
    assert first.place(["b", 1, "r"]) == (8, 5)
    assert first.place(["b", 7, "r"]) == (3, 1)  # as far as there is something
    assert first.at(["b", 0, "x"]).within and not first.at(["b", 0]).within


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: [", "f:2:1: no YAML: while parsing a flow node"),
        ("a: 1\na: 2", "f:2:1: the key 'a' stands twice"),
        ("a: @5m", "f:1:4: no YAML: while scanning for the next token"),
        ("[1]: 2", "f:1:1: a key must be a text"),
        ("[" * 200 + "]" * 200, "nested too deeply"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, error: str) -> None:
    with pytest.raises(BadTestFile) as refused:
        read_documents(text, "f")
    assert error in str(refused.value)
