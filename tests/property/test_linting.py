"""Whatever stands in a script, it can be looked at, and what is told of it has a place in it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.linting import findings

SCRIPTS = [path.read_text("utf-8") for path in sorted((Path(__file__).parents[1] / "examples").rglob("*.tick"))]
WORDS = [
    "|",
    ".",
    "(",
    ")",
    "lambda:",
    '"',
    "'",
    "é",
    "1",
    "5m",
    "|alert()",
    "|join(a)",
    "@f()",
    "// tickbus:ignore\n",
    "\r\n",
]
SAMPLE = "\n".join(f"cpu,host=h{i},cpu=cpu-total usage_idle={i},ms={i}i {i}" for i in range(30))


@examples(100)
@given(st.data())
def test_any_text_can_be_looked_at(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(SCRIPTS))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(st.sampled_from(["", *WORDS])) + text[at + gone :]
    lines = text.split("\n")
    for one in findings(text, SAMPLE):
        assert 1 <= one.line <= len(lines), text
        assert 1 <= one.column <= len(lines[one.line - 1]) + 1 and one.column < one.end, text
        assert one.message
