"""Tests of rules: what came is what is expected of it; whatever was expected, `--update` writes what passes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.rule_tests.fields import LISTS
from services.testing.format.document import read_documents
from services.testing.matching.lists import compare_lists
from services.testing.reporting.yaml_text import expected_text, item_of, yaml_text
from services.testing.running.result import PASSED
from services.testing.updating import updated
from tests.support.rule_tests import results_of

BOM = "\ufeff"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["/a/", "*", "~ 1", "= x", "none", "1e3", "10m", "yes", "a: b", "a #b", "- a", "2000-01-01T00:00:05Z", "", "\n"]
)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
items = st.lists(
    st.dictionaries(st.sampled_from(["id", "time", "fields", "tags", "x"]), values, max_size=4), max_size=5
)

SCRIPT = """\
dbrps: db.rp
script: |
  stream|from().measurement('m').groupBy('t')|alert().warn(lambda: "x" > 1).crit(lambda: "x" > 2).id('{{ .Group }}')
input: |
  m,t=a x=2i
  m,t=b x=3i 10s
  m,t=a x=0i 20s
  m,t=a x=3i 30s
  m,t=a x=3i 30s
"""
expected_items = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["t=a", "t=b", "/t=/", "*", "x"]),
            "level": st.sampled_from(["OK", "WARNING", "CRITICAL", "/C/"]),
            "time": st.sampled_from(["0s", "10s", "30s", "1h"]),
            "fields": st.sampled_from([{"x": 2}, {"x": "~ 3"}, {"y": 1}]),
        },
    ),
    max_size=6,
)


@given(values)
def test_a_value_is_read_as_it_is_written(value: Any) -> None:
    (document,) = read_documents(f"a: {yaml_text(value)}\nb: 1", "f")
    assert document.plain == {"a": value, "b": 1}


@given(items, st.sampled_from(LISTS))
def test_what_came_is_what_is_expected_of_it(got: list[dict[str, Any]], mode: str) -> None:
    start = 946_684_800 * 10**9
    written = ", ".join(expected_text(item_of("nodes", item, start, "exactly")) for item in got)
    (document,) = read_documents(f"{mode}: [{written}]", "f")
    assert compare_lists(document.plain, got, start).same


@given(
    expected_items,
    st.sampled_from(["", *LISTS]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", BOM]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_updated_passes(
    expected: list[dict[str, Any]], mode: str, flow: bool, comments: bool, below: bool, begin: str
) -> None:
    """below: the list stands in the column of its key. begin: of the file."""
    comment = "   # why" if comments else ""
    pad = ("    " if mode else "  ") if below else "      "
    if flow or not expected:
        block = f" [{', '.join(map(yaml_text, expected))}]{comment}\n"
    else:
        block = "\n" + "".join(f"{pad}- {yaml_text(item)}{comment}\n" for item in expected)
    text = f"{begin}{SCRIPT}expect:\n  alerts:{f'{chr(10)}    {mode}:' if mode else ''}{block}  counts: {{crit: 3}}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.yaml"
        path.write_text(text, "utf-8")
        new = updated(text, results_of(path))
        path.write_text(new, "utf-8")
        assert [result.status for result in results_of(path)] == [PASSED], f"{text}\n{new}"
        assert new.startswith(begin + SCRIPT) and new.endswith("  counts: {crit: 3}\n")
