"""The vars and nodes of a script."""

from __future__ import annotations

from services.language_server.symbols import Symbol, symbols
from tests.support.linting import every_node


def found(text: str) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Name and text of each symbol, with those inside."""
    return [
        (one.name, text[one.start : one.end], [(inner.name, text[inner.start : inner.end]) for inner in one.inside])
        for one in symbols(text, every_node())
    ]


def test_vars_and_chains_are_told_with_their_nodes() -> None:
    text = """\
// é𝄞
var limit = 5
var name string
var cpu = stream
    |from()
        .measurement('é')
    |where(lambda: "a" > limit)
cpu|join(stream|from()|mean('x'))|log()
"""
    assert found(text) == [
        ("limit", "var limit = 5", []),
        ("name", "var name string", []),
        (
            "cpu",
            text[text.index("var cpu") : text.index("\ncpu|join")],
            [("from", "|from()\n        .measurement('é')"), ("where", '|where(lambda: "a" > limit)')],
        ),
        (
            "cpu",
            "cpu|join(stream|from()|mean('x'))|log()",
            [("join", "|join(stream|from()|mean('x'))"), ("log", "|log()")],
        ),
    ]
    name = symbols(text, every_node())[1]
    assert isinstance(name, Symbol) and name.detail == "string" and text[name.name_start :].startswith("name string")


def test_half_a_script_has_its_symbols() -> None:
    assert found("var x =\nvar y = stream|from(\nx|window(") == [
        ("x", "var x =", []),
        ("y", "var y = stream|from(", [("from", "|from")]),
        ("x", "x|window(", [("window", "|window")]),
    ]
    assert [name for name, *_ in found("var x =\nvar y = stream|from(\nvar z = 'abc\n")] == ["x", "y", "z"]
    assert found("") == found("// nothing") == found("$") == []
