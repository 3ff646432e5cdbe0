"""What the READMEs name is there, and their tables can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READMES = sorted(
    path
    for pattern in (
        "*.md",
        "compose/**/*.md",
        "grammar/**/*.md",
        "schemas/**/*.md",
        "services/**/*.md",
        "tests/**/*.md",
    )
    for path in ROOT.glob(pattern)
)

_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_FILE = re.compile(r"`((?:compose|grammar|schemas|services|tests)/[\w./-]*)`(?!:$)", re.MULTILINE)
_RECIPE = re.compile(r"^```.*?^```$|^# Recipes$.*", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\|$\n?)+", re.MULTILINE)
_BAR = re.compile(r"(?<!\\)\|")

readmes = pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))


@readmes
def test_what_a_readme_names_is_there(readme: Path) -> None:
    text = readme.read_text("utf-8")
    named = {ROOT / name for name in _FILE.findall(_RECIPE.sub("", text))}
    linked = {readme.parent / name for name, _ in _LINK.findall(text)}
    assert not {str(path) for path in named | linked if not path.exists()}


@readmes
def test_links_lead_to_headings_that_are_there(readme: Path) -> None:
    linked = {
        (readme.parent / name if name else readme, heading)
        for name, heading in _LINK.findall(readme.read_text("utf-8"))
        if heading
    }
    assert not {f"{path}#{heading}" for path, heading in linked if heading not in anchors(path)}


@readmes
def test_rows_of_a_table_have_a_cell_for_each_column(readme: Path) -> None:
    """A bar in a cell begins another cell, also in code: it is written `\\|`."""
    text = _CODE.sub("", readme.read_text("utf-8"))
    for table in _TABLE.findall(text):
        rows = table.splitlines()
        columns = len(_BAR.findall(rows[0]))
        assert not [row for row in rows if len(_BAR.findall(row)) != columns]


def test_all_of_them_are_looked_at() -> None:
    assert {"README.md", "services/README.md", "services/gateway/README.md", "tests/README.md"} <= {
        str(p.relative_to(ROOT)) for p in READMES
    }


def anchors(path: Path) -> set[str]:
    """The anchors of a file's headings, as GitHub makes them."""
    headings = _HEADING.findall(_CODE.sub("", path.read_text("utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
