"""YAML as Kapacitor reads it: by the rules of Go's yaml.v2, and then as if it were JSON.

They are YAML 1.1's but for what nobody means: numbers of base 60 (`22:30`) and dates are strings, `1e3` is a number.
Of several documents the first counts, of a key that stands twice the last; `<<` overrides what stands before it.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any, NoReturn

import yaml

from grammar.golang.numbers import binary_integer, float_of, integer_with_base, short_float

_TAG = "tag:yaml.org,2002:"
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlError(ValueError):
    """A text that is no YAML. str() says what is wrong; line, column: from 1, 0 where it is not known."""

    def __init__(self, text: str, line: int = 0, column: int = 0) -> None:
        super().__init__(text)
        self.line = line
        self.column = column


def parse_yaml(text: str | bytes, strict: bool = False) -> Any:
    """The first document of a text: dicts with strings as keys, lists, strings, integers of -2^63 to 2^64-1, floats
    that are finite, booleans, None. What an alias stands for is the same object again.

    strict: a key that stands twice, or a second document, is an error, and a key `y` or `n` is a name, where the
    reference has a boolean. Raises YamlError.
    """
    try:
        return _Reader(text, strict).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise YamlError(what, mark.line + 1 if mark else 0, mark.column + 1 if mark else 0) from None
    except yaml.YAMLError as error:
        raise YamlError(str(error).replace("\n", " ")) from None
    except RecursionError:
        raise YamlError("nested too deeply") from None


def resolve(text: str) -> Any:
    """What a plain word stands for: None, a boolean, an integer, a float or the word itself."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] == ".":
        number = float_of(text)
        return text if number is None else number
    if text[0] not in "+-0123456789":
        return text
    plain = text.replace("_", "")
    for read in (integer_with_base, float_of, _after_0b):
        number = read(plain)
        if number is not None:
            return number
    return text


def _after_0b(text: str) -> int | None:
    """The reference takes a sign behind 0b, too."""
    negative = text.startswith("-0b")
    if not negative and not text.startswith("0b"):
        return None
    value = binary_integer(text.partition("b")[2])
    return -value if negative and value is not None else value


class _Reader:
    """One text, read from the parser's events."""

    def __init__(self, text: str | bytes, strict: bool) -> None:
        self._parser = _Loader(text)
        self._strict = strict
        self._anchors: dict[str, Any] = {}
        self._open: set[str] = set()

    def document(self) -> Any:
        parser = self._parser
        try:
            parser.get_event()
            if isinstance(parser.get_event(), yaml.StreamEndEvent):
                return None
            value = self._value(parser.get_event())
            parser.get_event()
            # What is wrong with the beginning of a second document the reference sees as well.
            after = parser.get_event()
            if self._strict and not isinstance(after, yaml.StreamEndEvent):
                _refuse(after, "expected a single document")
        finally:
            parser.dispose()
        return value

    def _value(self, event: Any) -> Any:
        anchor = event.anchor
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.ScalarEvent):
            value = _finite(event, _constructed(event))
        else:
            if anchor is not None:
                self._open.add(anchor)
            value = self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._sequence()
            self._open.discard(anchor)
        if anchor is not None:
            self._anchors[anchor] = value
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            _refuse(event, f"anchor '{event.anchor}' value contains itself")
        if event.anchor not in self._anchors:
            _refuse(event, f"unknown anchor '{event.anchor}' referenced")
        return self._anchors[event.anchor]

    def _sequence(self) -> list[Any]:
        values = []
        while not isinstance(event := self._parser.get_event(), yaml.SequenceEndEvent):
            values.append(self._value(event))
        return values

    def _mapping(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        own: set[str] = set()
        while not isinstance(event := self._parser.get_event(), yaml.MappingEndEvent):
            if _is_merge(event):
                self._merge(values)
                continue
            key = self._key(event)
            if key in own and self._strict:
                _refuse(event, f"the key {key!r} stands twice")
            own.add(key)
            values[key] = self._value(self._parser.get_event())
        return values

    def _merge(self, values: dict[str, Any]) -> None:
        event = self._parser.get_event()
        merged = self._value(event)
        # The first of several counts, so the last is taken first; an alias of such a list is none.
        several = isinstance(merged, list) and not isinstance(event, yaml.AliasEvent)
        for one in reversed(merged) if several else (merged,):
            if not isinstance(one, dict):
                _refuse(event, "map merge requires map or sequence of maps as the value")
            values.update(one)

    def _key(self, event: Any) -> str:
        """Numbers and booleans as the reference writes them: keys are strings."""
        scalar = isinstance(event, yaml.ScalarEvent) and event.anchor is None
        if scalar and self._strict and event.tag is None and event.value in ("y", "Y", "n", "N"):
            return str(event.value)
        key = _constructed(event) if scalar else self._value(event)
        if isinstance(key, bool):
            return "true" if key else "false"
        if isinstance(key, float):
            text = short_float(key)
            return {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}.get(text, text)
        if isinstance(key, int) and key < 1 << 63:
            return str(key)
        if not isinstance(key, str):
            _refuse(event, "a key must be a string")
        return key


def _constructed(event: Any) -> Any:
    """A scalar by its tag, or, where it has none and is not quoted, by what it looks like."""
    tag, text = event.tag, event.value
    if tag is None:
        return resolve(text) if event.implicit[0] else text
    kind = tag.removeprefix(_TAG)
    if kind == "binary":
        try:
            return base64.b64decode("".join(text.split("\n")), validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            _refuse(event, "!!binary value contains invalid base64 data")
    if kind not in ("bool", "int", "float", "null"):
        return text
    value = resolve(text)
    fits = {"bool": bool, "int": int, "float": (int, float), "null": type(None)}[kind]
    if not isinstance(value, fits) or (isinstance(value, bool) and kind != "bool"):  # type: ignore[arg-type]
        _refuse(event, f"cannot decode `{text}` as a !!{kind}")
    return float(value) if kind == "float" else value


def _finite(event: Any, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        _refuse(event, f"{event.value} is no number that can be given")
    return value


def _is_merge(event: Any) -> bool:
    scalar = isinstance(event, yaml.ScalarEvent) and event.value == "<<"
    return scalar and (event.tag == _TAG + "merge" or (event.tag is None and event.implicit[0]))


def _refuse(event: Any, text: str) -> NoReturn:
    raise YamlError(text, event.start_mark.line + 1, event.start_mark.column + 1)
