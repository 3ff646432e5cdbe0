"""The recipes of services/README.md, followed to the letter in a scratch copy: what they say works."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.tree import ROOT, copied

RECIPES = ["Add a node", "Add a handler", "Add an API resource"]
SECONDS = 120

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^(Lines added to )?`([\w/.]+)`:$", re.MULTILINE)


class Block(NamedTuple):
    """kind: python, diff or sh. file: that is written or changed, "" for a command."""

    kind: str
    file: str
    text: str


def blocks(title: str) -> list[Block]:
    """The code of a recipe; of each, the file that was named last before it."""
    text = (ROOT / "services" / "README.md").read_text("utf-8")
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    files = [(match.start(), match[2]) for match in _FILE.finditer(section)]
    return [
        Block(match[1], next((file for at, file in reversed(files) if at < match.start()), ""), match[2])
        for match in _BLOCK.finditer(section)
    ]


def insert(path: Path, text: str) -> None:
    """Put lines that begin with `+` behind the line before them, which the file has once."""
    before, *added = text.splitlines()
    assert added and all(line.startswith("+") for line in added)
    lines = path.read_text("utf-8").splitlines()
    places = [number for number, line in enumerate(lines) if line == before]
    assert len(places) == 1, f"{path}: {before!r} is there {len(places)} times"
    lines[places[0] + 1 : places[0] + 1] = [line[1:] for line in added]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def follow(title: str, tree: Path) -> Iterator[list[str]]:
    """Write what a recipe has written; gives the commands by which it is tried."""
    for block in blocks(title):
        path = tree / block.file
        if block.kind == "sh":
            yield from map(shlex.split, block.text.splitlines())
        elif block.kind == "diff":
            insert(path, block.text)
        else:
            assert not path.exists(), f"{block.file} is there already"
            path.write_text(block.text, "utf-8")


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_works(title: str, tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    commands = list(follow(title, tree))
    assert commands
    for command in commands:
        assert command[0] == "python"
        done = subprocess.run(
            [sys.executable, *command[1:]], cwd=tree, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_is_written_as_the_house_is(title: str, tmp_path: Path) -> None:
    tree = copied(tmp_path / "tree")
    list(follow(title, tree))
    files = sorted({block.file for block in blocks(title) if block.file})
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *files], cwd=tree, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_recipe_is_tried() -> None:
    text = (ROOT / "services" / "README.md").read_text("utf-8")
    assert re.findall(r"^## (Add .*)$", text, re.MULTILINE) == RECIPES
