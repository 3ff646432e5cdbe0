"""YAML as plain data that knows where it stands: for errors with their places, and for changes that leave the rest of a
file as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from grammar.golang.yaml_reader import resolve
from services.testing.errors import BadTestFile

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
_DEEPEST = 100

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
    """A value and its place. begin, end: offsets in characters of the text. line, column: from 1.

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
    try:
        nodes = [node for node in yaml.compose_all(text, _Loader) if node is not None]
        return [found for node in nodes if (found := _Reader(file).located(node, 0, False)).plain is not None]
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
    def __init__(self, file: str) -> None:
        self._file = file

    def located(self, node: Any, depth: int, within: bool) -> Located:
        if depth > _DEEPEST:
            raise self._refused(node, "nested too deeply")
        if isinstance(node, yaml.ScalarNode):
            plain = not node.style and not node.tag.endswith(":binary")
            value = (resolve(node.value) if node.value else None) if plain else node.value
            return _of(node, value, node.end_mark.index, within=within, style=node.style or "")
        flow = bool(node.flow_style)
        if isinstance(node, yaml.SequenceNode):
            items = [self.located(one, depth + 1, within or flow) for one in node.value]
            end = node.end_mark.index if flow or not items else items[-1].end
            return _of(node, [one.plain for one in items], end, flow=flow, within=within, items=items)
        keys = self._keys(node, depth, within or flow)
        end = node.end_mark.index if flow or not keys else max(entry.value.end for entry in keys.values())
        mapping = {key: entry.value.plain for key, entry in keys.items()}
        return _of(node, mapping, end, flow=flow, within=within, keys=keys)

    def _keys(self, node: Any, depth: int, within: bool) -> dict[str, Entry]:
        keys: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in node.value:
            found = self.located(value, depth + 1, within)
            if key.tag == _MERGE:
                for one in found.items if found.items is not None else [found]:
                    merged = {**(one.keys or {}), **merged}
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise self._refused(key, "a key must be a text")
            if key.value in keys:
                raise self._refused(key, f"the key {key.value!r} stands twice")
            mark = key.start_mark
            keys[key.value] = Entry(mark.index, key.end_mark.index, mark.line + 1, mark.column + 1, found)
        return {**merged, **keys}

    def _refused(self, node: Any, text: str) -> BadTestFile:
        return BadTestFile(self._file, text, node.start_mark.line + 1, node.start_mark.column + 1)


def _of(node: Any, plain: Any, end: int, **more: Any) -> Located:
    mark = node.start_mark
    return Located(plain, mark.index, max(end, mark.index), mark.line + 1, mark.column + 1, **more)
