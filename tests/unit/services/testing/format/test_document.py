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
LAUGHS = "a0: &a0 [" + ", ".join("x" * 9) + "]\n"
LAUGHS += "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(9))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_places_are_behind_anchors_and_marks_of_the_text(mark: str) -> None:
    text = mark + "a: &x  {k: ü😀}\nb: &y\n  c: &z v\n  d: *z\ne: &n\nf: *n\n"
    (document,) = read_documents(text, "f")
    assert document.plain == {"a": {"k": "ü😀"}, "b": {"c": "v", "d": "v"}, "e": None, "f": None}
    paths: list[list[str]] = [["a"], ["a", "k"], ["b"], ["b", "c"], ["b", "d"], ["e"]]
    places = [document.at(path) for path in paths]
    assert [text[one.begin : one.end] for one in places] == ["{k: ü😀}", "ü😀", "c: &z v", "v", "v", ""]
    assert document.place(["b"]) == (2, 1)


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
        ("a: &a [*a]", "nested too deeply"),
        (LAUGHS, "f:1:31: aliases stand for more than 100000 values"),
        ("a: !!str 5", "f:1:4: tags are not known here: what is to be a text stands in quotes"),
        ("a: &x !!binary aGk=", "f:1:4: tags are not known here"),
        ("a: -.inf", "f:1:4: -.inf is no number that can be given: what a field shows so is -Inf"),
        ("a: 1\n<<: 5", "f:2:1: << takes a mapping, or a list of mappings"),
        ("a:\n\tb: 1", "f:2:1: no YAML: while scanning for the next token"),
        ("a\x00b", "f: no YAML: unacceptable character"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, error: str) -> None:
    with pytest.raises(BadTestFile) as refused:
        read_documents(text, "f")
    assert error in str(refused.value)
