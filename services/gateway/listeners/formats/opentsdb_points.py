"""OpenTSDB's points: `put` lines, and the JSON of /api/put."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from grammar.golang.numbers import float_of
from services.gateway.listeners.formats.lines import NoPoint, line_of, words
from services.lineprotocol.text import decode

_SECONDS, _MILLISECONDS = 10, 13  # digits of a time
_FIRST_MILLISECONDS = 10**10  # in JSON
LARGEST_POINT = 1 << 20
"""Characters of a point's JSON: what is made of it takes many times as much memory."""

_BEGIN, _NEXT = re.compile(r"\[[ \t\n\r]*+(\]?)"), re.compile(r"[ \t\n\r]*+([,\]])[ \t\n\r]*+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")


class BadLine(ValueError):
    """A line is no `put`. of: the count of Kapacitor's that it belongs to."""

    def __init__(self, of: str, text: str) -> None:
        super().__init__(text)
        self.of = of


class Put:
    """`put METRIC TIME VALUE TAG=VALUE …`. line: its point as line protocol. mistakes: what was left out of it.

    Raises BadLine.
    """

    def __init__(self, text: str) -> None:
        self.mistakes: list[BadLine] = []
        parts = words(text)
        if len(parts) < 4 or parts[0] != "put":
            raise BadLine("tlBadLine", "malformed line")
        at = self._time(parts[2])
        value = float_of(parts[3])
        tags = dict(self._tags(parts[4:]))
        if value is None:
            raise BadLine("tlBadFloat", f"bad float {parts[3][:50]!r}")
        try:
            self.line = line_of(parts[1], tags, "value", value, at)
        except NoPoint as error:
            raise BadLine("tlBadFloat", str(error)) from error

    def _time(self, text: str) -> int:
        """Of ten or thirteen characters; such as are no number stand for 0, as in the reference."""
        if len(text) not in (_SECONDS, _MILLISECONDS):
            raise BadLine("tlBadTime", f"bad time {text[:50]!r}: it must have 10 or 13 characters")
        number = 0
        if _INTEGER.fullmatch(text):
            number = int(text)
        else:
            self.mistakes.append(BadLine("tlBadTime", f"malformed time {text!r}"))
        return number * 10**9 if len(text) == _SECONDS else _of_milliseconds(number)

    def _tags(self, texts: list[str]) -> Iterator[tuple[str, str]]:
        for text in texts:
            tag, _, value = text.partition("=")
            if tag and value:
                yield tag, value
            else:
                self.mistakes.append(BadLine("tlBadTag", f"malformed tag {text[:50]!r}"))


class BadBody(ValueError):
    """A body is no points, in the reference's words."""


@dataclass(slots=True)
class Body:
    """What one of /api/put holds: its points as line protocol; how many others are none, and why the first of them."""

    lines: list[bytes]
    refused: int = 0
    why: str = ""


def read_body(body: bytes) -> Body:
    """Raises BadBody. What follows the first JSON value is not looked at."""
    if not body:
        raise BadBody("peek error: EOF")
    if body[:1] not in (b"{", b"["):
        raise BadBody("expected JSON array or hash")
    several = body[:1] == b"["
    text = decode(body)
    read = Body([])
    try:
        for found in _elements(text) if several else [_JSON.raw_decode(text[:LARGEST_POINT])[0]]:
            point = _Point(found)
            try:
                read.lines.append(line_of(point.metric, point.tags, "value", point.value, point.time))
            except NoPoint as error:
                read.refused += 1
                read.why = read.why or str(error)
    except (ValueError, RecursionError):
        raise BadBody(f"json {'array' if several else 'object'} decode error") from None
    return read


def _elements(text: str) -> Iterator[Any]:
    """Those of an array, one after the other: all of them at once would take many times the memory of the text.

    Raises ValueError.
    """
    after = _BEGIN.match(text)
    begin, window = 0, text[: 2 * LARGEST_POINT]
    while after is not None and after[1] != "]":
        at = after.end()
        if at - begin > LARGEST_POINT:
            begin, window = at, text[at : at + 2 * LARGEST_POINT]
        found, end = _JSON.raw_decode(window, at - begin)
        if begin + end - at > LARGEST_POINT:
            raise ValueError("too large")
        yield found
        after = _NEXT.match(text, begin + end)
    if after is None:
        raise ValueError("no end")


class _Object(list[tuple[str, Any]]):
    """The pairs of an object, in their order."""


class _Point:
    """One object. As in Go keys count whatever their case, null is as if it were not there, and the last one wins."""

    def __init__(self, pairs: Any) -> None:
        self.metric, self.value, self.tags = "", 0.0, dict[str, str]()
        seconds = 0
        if pairs is not None and not isinstance(pairs, _Object):
            raise ValueError("no object")
        for key, value in pairs or ():
            name = key.lower()
            if name == "metric":
                self.metric = _text(value, self.metric)
            elif name == "timestamp":
                seconds = seconds if value is None else _integer(value)
            elif name == "value":
                self.value = self.value if value is None else _float(value)
            elif name == "tags":
                self.tags.clear() if value is None else self.tags.update(_tags(value))
        self.time = seconds * 10**9 if seconds < _FIRST_MILLISECONDS else _of_milliseconds(seconds)


def _of_milliseconds(number: int) -> int:
    """Whole seconds are read right; the reference takes what is left of them for microseconds, and so does this."""
    seconds, rest = divmod(abs(number), 1000)
    return (seconds * 10**9 + rest * 1000) * (-1 if number < 0 else 1)


def _text(value: Any, default: str) -> str:
    if value is None:
        return default
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _integer(value: Any) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError("no integer of 64 bits")
    return value


def _float(value: Any) -> float:
    if type(value) not in (int, float):
        raise ValueError("no number")
    try:
        found = float(value)
    except OverflowError:
        found = float("inf")
    if abs(found) == float("inf"):
        raise ValueError("too large")
    return found


def _tags(value: Any) -> dict[str, str]:
    if not isinstance(value, _Object):
        raise ValueError("no object")
    return {tag: _text(text, "") for tag, text in value}


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


_JSON = json.JSONDecoder(object_pairs_hook=_Object, parse_constant=_no_constant)
