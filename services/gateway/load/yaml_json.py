"""YAML and JSON as plain data: dicts with strings as keys, lists, strings, 64-bit integers, floats, booleans, None."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from grammar.golang import yaml_reader

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
        return _plain(yaml_reader.parse_yaml(text, strict=True))
    except yaml_reader.YamlError as error:
        raise NoDocument(str(error), error.line, error.column) from None


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
            return {_text(key): self.value(one) for key, one in value.items()}
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


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoDocument("a string holds half of a surrogate pair") from None
    return text
