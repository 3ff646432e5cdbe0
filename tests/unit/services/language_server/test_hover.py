"""What is said of a word, and where it is."""

from __future__ import annotations

import pytest

from services.language_server.hover import hover
from tests.support.linting import every_node

SCRIPT = """\
// How much is too much: 𝄞.
var limit = 5.0

var cpu = stream
    |from()
        .measurement('é')
    |window()
        .period(5m)
    |mean('idle')

cpu
    |eval(lambda: abs("mean") + now)
        .as('x')
    |alert()
        .crit(lambda: "x" > limit)
        .slack()
        .channel('#é')
"""


def said(word: str, script: str = SCRIPT, nth: int = 1) -> str | None:
    """What is said of a word's nth occurrence: of its middle, and so of its ends. It is said of the whole word."""
    start = -1
    for _ in range(nth):
        start = script.index(word, start + 1)
    found = {hover(script, offset, every_node()) for offset in (start, start + len(word) // 2, start + len(word))}
    assert len(found) == 1
    (one,) = found
    assert one is None or (one.start, one.end) == (start, start + len(word))
    return None if one is None else one.page


@pytest.mark.parametrize(
    ("word", "nth", "begins", "has"),
    [
        ("stream", 1, "```tickscript\nstream\n```", "The points that are written"),
        ("window", 1, "```tickscript\n|window()\n```", "- `.period(duration)`: How long the window is."),
        ("mean", 1, "```tickscript\n|mean(field string)\n```", "**Arguments**"),
        ("period", 1, "```tickscript\n.period(duration)\n```", "How long the window is."),
        ("measurement", 1, "```tickscript\n.measurement(string)\n```", "Only points of this measurement."),
        ("abs", 1, "```tickscript\nabs(float) float\n```", "The absolute value."),
        ("now", 1, "```tickscript\nnow() time\n```", "clock"),
        ("crit", 1, "```tickscript\n.crit(lambda)\n```", "When the level is CRITICAL."),
        ("slack", 1, "```tickscript\n.slack()\n```", "- `.channel(string)`"),
        ("channel", 1, "```tickscript\n.channel(string)\n```", "The channel"),
        ("limit", 1, "```tickscript\nvar limit = 5.0\n```", "How much is too much: 𝄞."),
        ("limit", 2, "```tickscript\nvar limit = 5.0\n```", "How much is too much"),
        ("cpu", 2, "```tickscript\nvar cpu = stream …\n```", ""),
    ],
)
def test_what_a_word_is_is_said(word: str, nth: int, begins: str, has: str) -> None:
    page = said(word, nth=nth)
    assert page is not None and page.startswith(begins) and has in page


def test_a_script_that_is_half_written_says_it_all_the_same() -> None:
    assert said("window", "stream|from(\n  |window().per") is not None
    assert said("every", "stream|from()|window(\n.every(1m") is not None
    assert said("x", 'var x = 5\nstream|from()|where(lambda: "a" > x') == "```tickscript\nvar x = 5\n```"


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert said("nobody", "nobody|from()") is None
    assert said("nosuch", "stream|from()|nosuch()") is None
    assert said("nosuch", "stream|from().nosuch()") is None
    assert said("idle") is None  # a field
    assert said("string", "var x string") is None
    assert hover("", 0, every_node()) is None


def test_characters_of_markdown_stand_for_themselves() -> None:
    page = said("groupBy", "stream|from().groupBy('host')")
    assert page is not None and r"\* for all of them" in page and "groupBy(string or star …)" in page


def test_every_node_and_property_has_a_page() -> None:
    registry = every_node()
    for name, node in registry.nodes.items():
        if node.hidden or node.head:
            continue
        page = said(name, f"x|{name}")
        assert page is not None and f"|{name}(" in page
        for prop, spec in node.properties.by_name().items():
            script = f"x|{name}().{prop}"
            found = hover(script, len(script), registry)
            assert found is not None and f".{prop}(" in found.page and spec.doc.split()[0] in found.page
