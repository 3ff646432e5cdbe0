"""YAML and JSON as plain data: dicts with strings as keys, lists, strings, 64-bit integers, floats, booleans, None."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable
from typing import Any, NoReturn

import yaml

MOST_VALUES = 100_000
"""How many values a document may hold, what its aliases stand for counted each time."""

_INTEGERS = range(-(2**63), 2**63)


class NoDocument(Exception):
    """A text that is none. str() says what is wrong, line and column (from 1, 0 where it is not known) where."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


def parse_yaml(text: str) -> Any:
    """The one document of a text. Words are read as Kapacitor reads them: times are strings, `1e3` is a number.

    Raises NoDocument.
    """
    try:
        found = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise NoDocument(what, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise NoDocument(str(error).replace("\n", " ")) from None
    except RecursionError:
        raise NoDocument("nested too deeply") from None
    except Exception as error:
        # Where a tag is written out (`!!int x`), the library raises whatever comes of it.
        raise NoDocument(f"a value is not what its tag says: {error}") from None
    return _plain(found)


def parse_json(text: str) -> Any:
    """The document of a text. Raises NoDocument."""
    try:
        return _plain(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant))
    except json.JSONDecodeError as error:
        raise NoDocument(error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise NoDocument("nested too deeply") from None
    except ValueError as error:
        # Python refuses to read integers of thousands of digits.
        raise NoDocument(str(error)) from None


_KEPT = ("bool", "null", "merge")


def _kept(resolvers: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(tag, regex) for tag, regex in resolvers if tag.rpartition(":")[2] in _KEPT]


class _Loader(yaml.SafeLoader):
    """Without the times and the numbers of base 60 that YAML 1.1 has."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        letter: _kept(resolvers) for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    raise yaml.MarkedYAMLError(None, None, f"the key {key.value!r} stands twice", key.start_mark)
                keys.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NoDocument(f"the key {twice!r} stands twice")
    return found


def _no_constant(word: str) -> NoReturn:
    raise NoDocument(f"{word} is no JSON")


def _plain(found: Any) -> Any:
    try:
        return _Plain().value(found)
    except RecursionError:
        raise NoDocument("nested too deeply") from None


class _Plain:
    def __init__(self) -> None:
        self._count = 0

    def value(self, value: Any) -> Any:
        """The value as plain data; NoDocument where it is none."""
        self._count += 1
        if self._count > MOST_VALUES:
            raise NoDocument(f"holds more than {MOST_VALUES} values")
        if isinstance(value, dict):
            return {self._key(key): self.value(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if isinstance(value, str):
            return _text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            if value not in _INTEGERS:
                raise NoDocument("an integer does not fit into 64 bits")
            return value
        if isinstance(value, float):
            if not math.isfinite(value):
                raise NoDocument(f"{value} is no number that can be given")
            return value
        raise NoDocument(f"a {type(value).__name__} is no value that can be given")

    def _key(self, key: Any) -> str:
        """Numbers and booleans as they are written: keys are strings."""
        if isinstance(key, bool):
            return "true" if key else "false"
        if not isinstance(key, str | int | float):
            raise NoDocument(f"a key must be a string, not {key!r}")
        return _text(str(key))


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoDocument("a string holds half of a surrogate pair") from None
    return text
