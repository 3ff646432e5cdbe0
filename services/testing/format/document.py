"""YAML as plain data that knows where it stands: for errors with their places, and for changes that leave the rest of a
file as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from grammar.golang.yaml_reader import resolve
from services.testing.errors import BadTestFile

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
_DEEPEST = 100
_MOST_REPEATED = 100_000  # values that aliases stand for
_BOM = "\ufeff"
_ANCHOR = re.compile(r"&\S+(?:\s+|$)")
_NO_NUMBERS = {math.inf: "+Inf", -math.inf: "-Inf"}

Path = Sequence[str | int]
"""Keys and numbers of items, from the outside in."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping. begin, end: of the key itself, as offsets in characters. line, column: from 1."""

    begin: int
    end: int
    line: int
    column: int
    value: Located


@dataclass(frozen=True, slots=True)
class Located:
    """A value and its place. begin, end: offsets in characters of the text, behind its anchor if it has one.

    line, column: from 1.
    flow: a mapping or list in brackets. within: it stands in something in brackets. keys: of a mapping. items: of a
    list. style: of a scalar, its quotes, `|`, `>` or "".
    """

    plain: Any
    begin: int
    end: int
    line: int
    column: int
    flow: bool = False
    within: bool = False
    keys: dict[str, Entry] | None = None
    items: list[Located] | None = None
    style: str = ""

    def at(self, path: Path) -> Located:
        """What stands at a path, as far as that goes."""
        here = self
        for step in path:
            below = here._below(step)
            if below is None:
                break
            here = below
        return here

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of what stands at a path; of a mapping's part, of its key."""
        here, line, column = self, self.line, self.column
        for step in path:
            if here.keys is not None and step in here.keys:
                entry = here.keys[str(step)]
                here, line, column = entry.value, entry.line, entry.column
            elif (below := here._below(step)) is not None:
                here, line, column = below, below.line, below.column
            else:
                break
        return line, column

    def _below(self, step: str | int) -> Located | None:
        if self.keys is not None and isinstance(step, str):
            return self.keys[step].value if step in self.keys else None
        if self.items is not None and isinstance(step, int) and step < len(self.items):
            return self.items[step]
        return None


def read_documents(text: str, file: str) -> list[Located]:
    """The documents of a text, the empty ones left out. Words mean what they do in Kapacitor's YAML.

    Raises BadTestFile.
    """
    reader = _Reader(file, text)
    try:
        nodes = [node for node in yaml.compose_all(text.removeprefix(_BOM), _Loader) if node is not None]
        return [found for node in nodes if (found := reader.located(node, 0, False)).plain is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise BadTestFile(file, f"no YAML: {what}", line, column) from None
    except yaml.YAMLError as error:
        raise BadTestFile(file, f"no YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise BadTestFile(file, "nested too deeply") from None


class _Reader:
    def __init__(self, file: str, text: str) -> None:
        self._file, self._text = file, text
        self._first = len(_BOM) if text.startswith(_BOM) else 0  # marks count from behind it
        self._seen: set[int] = set()
        self._repeated = 0

    def located(self, node: Any, depth: int, within: bool) -> Located:
        self._check(node, depth)
        if isinstance(node, yaml.ScalarNode):
            value = node.value if node.style else self._resolved(node)
            return self._of(node, value, self._end(node), within=within, style=node.style or "")
        flow = bool(node.flow_style)
        if isinstance(node, yaml.SequenceNode):
            items = [self.located(one, depth + 1, within or flow) for one in node.value]
            end = self._end(node) if flow or not items else items[-1].end
            return self._of(node, [one.plain for one in items], end, flow=flow, within=within, items=items)
        keys = self._keys(node, depth, within or flow)
        end = self._end(node) if flow or not keys else max(entry.value.end for entry in keys.values())
        mapping = {key: entry.value.plain for key, entry in keys.items()}
        return self._of(node, mapping, end, flow=flow, within=within, keys=keys)

    def _check(self, node: Any, depth: int) -> None:
        """A few lines of aliases of aliases can stand for more than there is room for."""
        if depth > _DEEPEST:
            raise self._refused(node, "nested too deeply")
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if self._repeated > _MOST_REPEATED:
            raise self._refused(node, f"aliases stand for more than {_MOST_REPEATED} values")
        if self._text.startswith("!", self._begin(node)):
            raise self._refused(node, "tags are not known here: what is to be a text stands in quotes")

    def _resolved(self, node: Any) -> Any:
        value = resolve(node.value) if node.value else None
        if isinstance(value, float) and not math.isfinite(value):
            word = _NO_NUMBERS.get(value, "NaN")
            raise self._refused(node, f"{node.value} is no number that can be given: what a field shows so is {word}")
        return value

    def _keys(self, node: Any, depth: int, within: bool) -> dict[str, Entry]:
        keys: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in node.value:
            found = self.located(value, depth + 1, within)
            if key.tag == _MERGE:
                for one in found.items if found.items is not None else [found]:
                    if one.keys is None:
                        raise self._refused(key, "<< takes a mapping, or a list of mappings")
                    merged = {**one.keys, **merged}
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise self._refused(key, "a key must be a text")
            if key.value in keys:
                raise self._refused(key, f"the key {key.value!r} stands twice")
            mark = key.start_mark
            keys[key.value] = Entry(self._begin(key), self._end(key), mark.line + 1, mark.column + 1, found)
        return {**merged, **keys}

    def _refused(self, node: Any, text: str) -> BadTestFile:
        return BadTestFile(self._file, text, node.start_mark.line + 1, node.start_mark.column + 1)

    def _of(self, node: Any, plain: Any, end: int, **more: Any) -> Located:
        mark, begin = node.start_mark, self._begin(node)
        return Located(plain, begin, max(end, begin), mark.line + 1, mark.column + 1, **more)

    def _begin(self, node: Any) -> int:
        begin = int(node.start_mark.index) + self._first
        anchor = _ANCHOR.match(self._text, begin, self._end(node))
        return anchor.end() if anchor else begin

    def _end(self, node: Any) -> int:
        return int(node.end_mark.index) + self._first
