"""String functions. Lengths and indexes count bytes of UTF-8, as Go's do; sets of characters are Unicode characters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.expressions.text_limits import fits
from services.expressions.typed.signatures import Function, TypedOperation
from services.expressions.typed.types import EvaluationFailed, ValueType

STRING, INT, BOOL = ValueType.STRING, ValueType.INT, ValueType.BOOL

# What Go takes for white space: fewer characters than str.strip() removes.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"


def _bytes(text: str) -> bytes:
    # A lone surrogate stands for one byte that was not UTF-8, and "?" is one byte too.
    return text.encode("utf-8", "replace")


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(_bytes(text))


def _offset(text: str, index: int) -> int:
    """An index of characters as one of bytes; -1 stays."""
    return index if index < 0 or text.isascii() else len(_bytes(text[:index]))


def _contains_any(text: str, characters: str) -> bool:
    return any(c in text for c in characters)


def _index_any(text: str, characters: str) -> int:
    return _offset(text, min((i for c in set(characters) if (i := text.find(c)) >= 0), default=-1))


def _last_index_any(text: str, characters: str) -> int:
    return _offset(text, max((text.rfind(c) for c in set(characters)), default=-1))


def _substring(text: str, start: int, stop: int) -> str:
    for index in (start, stop):
        if index < 0:
            raise EvaluationFailed(f"found negative index for strSubstring: {index}")
    if stop >= _length(text):
        raise EvaluationFailed(f"stop index too large for string in strSubstring: {stop}")
    if start > stop:
        raise EvaluationFailed(f"runtime error: slice bounds out of range [{start}:{stop}]")
    return text[start:stop] if text.isascii() else _bytes(text)[start:stop].decode("utf-8", "replace")


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Go maps each character to exactly one. The only character whose lower case is longer in Unicode is U+0130.
    return "".join("i" if c == "\u0130" else c.lower() for c in text)


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else "".join(map(_upper_character, text))


def _upper_character(character: str) -> str:
    for mapped in (character.upper(), character.title()):
        if len(mapped) == 1:
            return mapped
    return character


def _replace(text: str, old: str, new: str, limit: int) -> str:
    if len(new) > len(old):
        places = text.count(old) if limit < 0 else min(text.count(old), limit)
        fits(len(text) + places * (len(new) - len(old)))
    return text.replace(old, new, max(limit, -1))


def _text(function: Callable[..., Any], name: str, result: ValueType, doc: str, arguments: int = 2) -> Function:
    return Function(name, doc, {(STRING,) * arguments: TypedOperation(result, function)})


FUNCTIONS = (
    _text(lambda s, part: part in s, "strContains", BOOL, "Whether the text contains another."),
    _text(_contains_any, "strContainsAny", BOOL, "Whether the text contains any of these characters."),
    _text(str.count, "strCount", INT, "How often the text contains another; of an empty one, characters + 1."),
    _text(str.startswith, "strHasPrefix", BOOL, "Whether the text begins with another."),
    _text(str.endswith, "strHasSuffix", BOOL, "Whether the text ends with another."),
    _text(lambda s, part: _offset(s, s.find(part)), "strIndex", INT, "Where another text begins first, or -1."),
    _text(_index_any, "strIndexAny", INT, "Where the first of any of these characters is, or -1."),
    _text(lambda s, part: _offset(s, s.rfind(part)), "strLastIndex", INT, "Where another text begins last, or -1."),
    _text(_last_index_any, "strLastIndexAny", INT, "Where the last of any of these characters is, or -1."),
    _text(_length, "strLength", INT, "How many bytes the text has.", 1),
    Function(
        "strReplace",
        "The text with the first n places of another text replaced; with all where n is negative.",
        {(STRING, STRING, STRING, INT): TypedOperation(STRING, _replace, fallible=True)},
    ),
    Function(
        "strSubstring",
        "The bytes from start up to, not including, stop. Fails unless 0 <= start <= stop < the length.",
        {(STRING, INT, INT): TypedOperation(STRING, _substring, fallible=True)},
    ),
    _text(_lower, "strToLower", STRING, "The text in lower case.", 1),
    _text(_upper, "strToUpper", STRING, "The text in upper case.", 1),
    _text(str.strip, "strTrim", STRING, "The text without any of these characters at both ends."),
    _text(str.lstrip, "strTrimLeft", STRING, "The text without any of these characters at its beginning."),
    _text(str.removeprefix, "strTrimPrefix", STRING, "The text without this prefix."),
    _text(str.rstrip, "strTrimRight", STRING, "The text without any of these characters at its end."),
    _text(lambda s: s.strip(_SPACE), "strTrimSpace", STRING, "The text without white space at both ends.", 1),
    _text(str.removesuffix, "strTrimSuffix", STRING, "The text without this suffix."),
)
