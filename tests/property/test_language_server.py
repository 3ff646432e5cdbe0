"""The language server has an answer at every place of every text, and its places lie in it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from services.language_server.completion import completion
from services.language_server.diagnostics import diagnostics
from services.language_server.hover import hover
from services.language_server.symbols import symbols
from services.language_server.text import Text
from tests.support.examples import examples
from tests.support.linting import every_node

TESTS = Path(__file__).resolve().parents[1]
SCRIPTS = [path.read_text("utf-8") for path in sorted((TESTS / "examples").rglob("*.tick"))]
PIECES = [
    *"()[]|@.,'\"/=+-!<>$ \n\r\té𝄞\u2028\ud8345x",
    "var ",
    "dbrp ",
    "lambda:",
    "'''",
    "//",
    "AND",
    "TRUE",
    "stream",
]


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A script, some of it cut out, other things put in."""
    text = draw(st.sampled_from(SCRIPTS))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from([0, 0, 1, 8, len(text)]))
        text = text[:at] + draw(st.sampled_from(["", *PIECES])) + text[at + cut :]
    return text


@examples(200)
@given(texts(), st.data(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_every_place_of_every_text_has_an_answer(given_text: str, data: st.DataObject, encoding: str) -> None:
    text, registry = Text(given_text, encoding), every_node()
    source, size = text.value, len(text.value)
    offset = data.draw(st.integers(0, size))
    found = [one.name for one in completion(source, offset, registry)]
    assert len(set(found)) == len(found)
    about = hover(source, offset, registry)
    assert about is None or (about.start <= offset <= about.end <= size and about.page)
    assert all(0 <= one.start <= one.end <= size for one in diagnostics(text, registry))
    for one in symbols(source, registry):
        assert source.startswith(one.name, one.name_start) and one.start <= one.name_start < one.end <= size
        ends = [one.start, *(end for part in one.inside for end in (part.start, part.end)), one.end]
        assert ends == sorted(ends)
    line, character = text.place(offset)
    back = text.offset((line, character))
    assert back == offset or source[back:offset] == "\r"
