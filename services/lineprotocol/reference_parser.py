"""One line at a time, exactly as the reference reads it: what decides wherever the whole-body path cannot.

The rules differ from section to section, and some are odd; they are kept because a line that the reference takes
must be taken, and read the same:
 - In keys a byte is escaped when the byte before it is a backslash, also when that one is escaped itself. In fields
   a backslash and the byte after it are a pair while the extent of the fields is looked for, but only backslash with
   quote or backslash is a pair while a value is read.
 - A quote counts only where more `=` than `,` were seen, so that quotes in keys are plain bytes. Where a line ends is
   found by counting from the line's first space, leading spaces included.
 - Space, tab and NUL are white space between sections; only a space ends one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from services.columns.column import Value
from services.lineprotocol.text import decode

MIN_TIME: Final = -(2**63) + 2
MAX_TIME: Final = 2**63 - 2
MAX_KEY_LENGTH: Final = 65535
MALFORMED: Final = object()
"""Stands for a value that cannot be read although its line passed; the reference fails on such a point."""

_MULTIPLIERS = {"u": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_SPACE = b" \t\0"
_LINE_TOKEN = re.compile(rb'\\.?|[ =,"\n]', re.DOTALL)
_FIELD_TOKEN = re.compile(rb'[\\"=, ]')
_KEY_END = re.compile(rb"(?<!\\)[, ]")
_TAG_END = re.compile(rb"(?<!\\)[ ,=]")
_EQUALS = re.compile(rb"(?<!\\)=")
_WORD = re.compile(rb"[^, ]*")
_INT = re.compile(rb"-?[0-9]+i")
_FLOAT = re.compile(rb"-?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
_FLOAT_BYTES = re.compile(rb"-?(?:[0-9eE]|(?<=[eE])[+-])*+\.?(?:[0-9eE]|(?<=[eE])[+-])*+")
_TIME = re.compile(rb"-?[0-9]*")
_VALUE = re.compile(rb'(?:[^",\\]|\\["\\]?|"(?:[^"\\]|\\["\\]?)*+"?)*+', re.DOTALL)
_NAME_ESCAPE = re.compile(rb'\\([," =])')
_STRING_ESCAPE = re.compile(rb'\\(["\\])')
_BOOLS = {
    **dict.fromkeys((b"t", b"T", b"true", b"True", b"TRUE"), True),
    **dict.fromkeys((b"f", b"F", b"false", b"False", b"FALSE"), False),
}


class LineError(ValueError):
    """Why a line is refused, in the reference's words."""


def multiplier(precision: str) -> int:
    """Nanoseconds of one unit; a precision that the reference does not know counts as nanoseconds."""
    return _MULTIPLIERS.get(precision, 1)


def lines(body: bytes) -> Iterator[bytes]:
    """The lines that should hold a point, without leading white space; no comments, no blank lines."""
    for line in _split(body):
        stripped = line.lstrip(_SPACE)
        if stripped and not stripped.startswith(b"#"):
            # Only an escaped or quoted line break can stand here.
            yield stripped[:-1] if stripped.endswith(b"\n") else stripped


def line_end(body: bytes, start: int) -> int:
    """Where the line that begins at `start` ends: at its line break, or at the end of the body."""
    end = body.find(b"\n", start)
    if end < 0:
        end = len(body)
    if body.find(b'"', start, end) < 0 and body.find(b"\\", start, end) < 0:
        return end
    fields = quoted = False
    depth = 0  # `=` less `,` outside quotes, since the line's first space
    for token in _LINE_TOKEN.finditer(body, start):
        text = token.group()
        if text == b"\n":
            if not quoted:
                return token.start()
        elif text == b" ":
            fields = True
        elif fields:
            if text == b'"':
                if depth > 0:
                    quoted = not quoted
            elif not quoted:
                depth += (text == b"=") - (text == b",")
    return len(body)


def parse(line: bytes, unit: int) -> tuple[bytes, bytes, int | None]:
    """Series key as written, text of the fields, and time in ns or None where the line has none.

    `unit`: nanoseconds of one unit of the timestamp. Raises LineError.
    """
    end = _scan_key(line)
    if end > MAX_KEY_LENGTH:
        raise LineError(f"max key length exceeded: {end} > {MAX_KEY_LENGTH}")
    start = _skip_space(line, end)
    stop = _scan_fields(line, start)
    return line[:end], line[start:stop], _time(line, stop, unit)


def field_values(fields: bytes) -> dict[str, Value | object]:
    """The fields of a line that passed, by name; MALFORMED for a value that cannot be read. The last of equals wins."""
    return {unescape_name(name): value(text) for name, text in pairs(fields)}


def pairs(fields: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of a line that passed, as written. What lacks one of both is left out, as in the reference."""
    at = 0
    while at < len(fields):
        equals = _EQUALS.search(fields, at)
        end = equals.start() if equals else len(fields)
        name = fields[at:end]
        match = _VALUE.match(fields, min(end + 1, len(fields)))
        text = match.group() if match else b""
        at = end + 1 + len(text) + 1
        if name and text:
            yield name, text


def unescape_name(raw: bytes) -> str:
    """A field's name as written to text."""
    return decode(_NAME_ESCAPE.sub(rb"\1", raw) if b"\\" in raw else raw)


def value(text: bytes) -> Value | object:
    """One value as written, its type told by its first and last byte. MALFORMED where it cannot be read."""
    first = text[:1]
    if first == b'"':
        return MALFORMED if len(text) < 2 else string(text[1:-1])
    if first not in b"0123456789-.nNiI":
        return _BOOLS.get(text, MALFORMED)
    if text.endswith(b"i"):
        number = _number(text[:-1]) if _INT.fullmatch(text) else None
        return MALFORMED if number is None else number
    if _FLOAT.fullmatch(text) and abs(result := float(text)) != float("inf"):
        return result
    return MALFORMED


def string(inner: bytes) -> str:
    """What stands between the quotes to text."""
    return decode(_STRING_ESCAPE.sub(rb"\1", inner) if b"\\" in inner else inner)


def _split(body: bytes) -> Iterator[bytes]:
    start = 0
    while (end := line_end(body, start)) < len(body):
        yield body[start:end]
        start = end + 1
    rest = body[start:]
    # A last backslash takes the byte after it along, and past the end the reference sees a NUL.
    yield rest + b"\0" if _odd_backslashes(rest) else rest


def _odd_backslashes(text: bytes) -> bool:
    return (len(text) - len(text.rstrip(b"\\"))) % 2 == 1


def _skip_space(line: bytes, at: int) -> int:
    while at < len(line) and line[at] in _SPACE:
        at += 1
    return at


def _scan_key(line: bytes) -> int:
    """Where the series key ends: at the first space that is not escaped."""
    if line.startswith(b","):
        raise LineError("missing measurement")
    match = _KEY_END.search(line, 1)
    if match is None:
        raise LineError("missing fields")
    names = []
    while match.group() == b",":
        start = match.end()
        if line[start : start + 1] in (b"", b" ", b",", b"="):
            raise LineError("missing tag key")
        match = _TAG_END.search(line, start + 1)
        if match is None or match.group() != b"=":
            raise LineError("missing tag value")
        names.append(line[start : match.start()])
        start = match.end()
        if line[start : start + 1] in (b"", b" ", b","):
            raise LineError("missing tag value")
        match = _TAG_END.search(line, start + 1)
        if match is None:
            raise LineError("missing fields")
        if match.group() == b"=":
            raise LineError("invalid tag format")
    if len(set(names)) < len(names):
        raise LineError("duplicate tags")
    return match.start()


def _scan_fields(line: bytes, start: int) -> int:
    """Where the fields end: at the first space outside quotes that is not escaped."""
    at = start
    quoted = False
    equals = commas = 0
    while (match := _FIELD_TOKEN.search(line, at)) is not None:
        at = match.start()
        token = match.group()
        if token == b"\\":
            at += 2 if at + 1 < len(line) else 1
        elif token == b'"':
            if equals > commas:
                quoted = not quoted
            at += 1
        elif quoted:
            at += 1
        elif token == b" ":
            break
        elif token == b",":
            commas += 1
            at += 1
        else:
            equals += 1
            at = _scan_value(line, at)
    else:
        at = len(line)
    if quoted:
        raise LineError("unbalanced quotes")
    if equals == 0 or commas != equals - 1:
        raise LineError("invalid field format")
    return at


def _scan_value(line: bytes, equals: int) -> int:
    """From the `=` before a value to the value's end, or to the opening quote of a string."""
    if line[equals - 1] in b" ," and line[equals - 2] != 0x5C:
        raise LineError("missing field key")
    at = equals + 1
    first = line[at : at + 1]
    if first in (b"", b",", b" "):
        raise LineError("missing field value")
    if first == b'"':
        return at
    match = _WORD.match(line, at)
    text = match.group() if match else b""
    if first in b"0123456789.-Nn":
        _check_number(text)
    elif text not in _BOOLS:
        raise LineError("invalid boolean")
    return at + len(text)


def _check_number(text: bytes) -> None:
    if _INT.fullmatch(text):
        if len(text) > 19:
            try:
                _int64(text[:-1])
            except LineError as error:
                raise LineError(f"unable to parse integer {decode(text[:-1])}: {error}") from None
        return
    if not _FLOAT_BYTES.fullmatch(text) or text in (b"-", b".", b"-."):
        raise LineError("invalid number")
    # The reference reads a number only where it may be out of range.
    if not _FLOAT.fullmatch(text) or abs(float(text)) == float("inf"):
        raise LineError("invalid float")


def _int64(text: bytes) -> int:
    """The number of an optional minus sign and digits."""
    if text in (b"", b"-"):
        raise LineError(f'strconv.ParseInt: parsing "{decode(text)}": invalid syntax')
    number = _number(text)
    if number is None:
        raise LineError(f'strconv.ParseInt: parsing "{decode(text)}": value out of range')
    return number


def _number(text: bytes) -> int | None:
    """None where it does not fit int64. Python itself refuses to read thousands of digits."""
    digits = text.lstrip(b"-").lstrip(b"0")
    if len(digits) > 19:
        return None
    number = int(text[: len(text) - len(digits)].rstrip(b"0") + (digits or b"0"))
    return number if -(2**63) <= number < 2**63 else None


def _time(line: bytes, at: int, unit: int) -> int | None:
    start = _skip_space(line, at)
    match = _TIME.match(line, start)
    end = match.end() if match else start
    if end < len(line) and line[end] not in b"\n ":
        raise LineError("bad timestamp")
    if end == start:
        return None
    time = _int64(line[start:end]) * unit
    if not MIN_TIME <= time <= MAX_TIME:
        raise LineError(f"time outside range {MIN_TIME} - {MAX_TIME}")
    if line[end:].strip(b" "):
        raise LineError("point is invalid")
    return time
