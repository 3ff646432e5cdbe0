"""The fast path: how far a body consists of plain valid lines, told by RE2 at a few hundred megabytes a second.

RE2 reads each byte once, whatever the body, and its automaton for a line has so few states that they are all kept.
Two patterns of whole lines are needed because no regular expression sees that a tag is given twice. In the first the
names of the tags go up by their first letters, as in most of what is written: such names differ. Of lines that fit the
second only, the tags are looked at one by one, once for each series.

What fits no pattern may still be valid: tabs and leading spaces, comments with quotes, numbers and times with so many
digits that they may be out of range. It is for the reference parser.
"""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Callable
from typing import Any, Final

import re2

from services.lineprotocol.reference_parser import MAX_KEY_LENGTH, MAX_TIME
from services.lineprotocol.series_key import tag_names

MOST: Final = MAX_KEY_LENGTH
"""The bytes that may be looked at at once: no key in them can be too long."""

_LETTERS = sorted((string.ascii_letters + "_").encode())
_NUMBER = rb"-?(?:[0-9]{1,18}(?:i|(?:\.[0-9]{0,99})?(?:[eE][+-]?[0-9]{1,2})?)|\.[0-9]{1,99})"
_STRING = rb'"(?:[^"\\]|\\.)*"'
_BOOL = rb"(?:TRUE|True|true|[Tt]|FALSE|False|false|[Ff])"

_KEY_END = re.compile(rb"(?<!\\) ")
_KEPT_BYTES, _MOST_KEPT = 256, 10_000
_without_repeats: set[bytes] = set()

_Match = Callable[[Any, bytes, int, int], Any]
_AT_START: Any = re2._re2.RE2.Anchor.ANCHOR_START


def plain_until(body: bytes, start: int, most: int, unit: int) -> int:
    """Where the plain valid lines end that begin at `start`, where a line begins. `start` itself where there is none.

    Looked at are so many bytes (up to MOST), and one line at least; behind the end there may be more of them. `unit`:
    nanoseconds of one unit of the timestamps.
    """
    end = _line_break(body, start, most)
    stop: int = _with_ordered_tags(unit)(_AT_START, body, start, end)[0][1]
    if stop < end:
        further: int = _with_any_tags(unit)(_AT_START, body, stop, end)[0][1]
        if further > stop and not _repeats_a_tag(body[stop:further]):
            stop = further
    if stop - start > MOST and _KEY_END.search(body, start, start + MAX_KEY_LENGTH + 1) is None:
        return start
    return stop


def _line_break(body: bytes, start: int, most: int) -> int:
    """Behind the last line break within so many bytes, else behind the next one; it may stand in a string."""
    if len(body) - start <= most:
        return len(body)
    return body.rfind(b"\n", start, start + most) + 1 or body.find(b"\n", start + most) + 1 or len(body)


def _repeats_a_tag(lines: bytes) -> bool:
    """Whether one of some lines does. A string that is spread over lines may look like it."""
    texts = lines.split(b"\n")
    if b"\\" in lines:
        keys = {text[: found.start()] for text in texts if (found := _KEY_END.search(text))}
    else:
        keys = {text.partition(b" ")[0] for text in texts}
    for key in keys - _without_repeats:
        if key.count(b",") > 1:
            names = tag_names(key)
            if len(set(names)) < len(names):
                return True
        if len(key) <= _KEPT_BYTES:
            if len(_without_repeats) >= _MOST_KEPT:
                _without_repeats.clear()
            _without_repeats.add(key)
    return False


@functools.cache
def _with_ordered_tags(unit: int) -> _Match:
    return _lines(b"".join(rb"(?:,%cNAME*=NAME+)?" % letter for letter in _LETTERS), unit)


@functools.cache
def _with_any_tags(unit: int) -> _Match:
    return _lines(rb"(?:,NAME+=NAME+)*", unit)


def _lines(tags: bytes, unit: int) -> _Match:
    """What looks from a place on for lines with such tags and blank ones; the last may end where the body does."""
    line = rb'(?:[^, =\n\\\t\0#]ESCAPED)NAME*TAGS +FIELD(?:,FIELD)*(?: +-?TIME)? *|#[^\n"\\]*'
    for word, stands_for in (
        (b"TAGS", tags),
        (b"FIELD", rb'(?:[^, =\n\\\t\0"]ESCAPED)(?:[^, =\n\\"]ESCAPED)*=(?:%b|%b|%b)' % (_NUMBER, _STRING, _BOOL)),
        (b"NAME", rb"(?:[^, =\n\\]ESCAPED)"),
        (b"ESCAPED", rb"|\\[^\n\\]"),
        (b"TIME", _time(unit)),
    ):
        line = line.replace(word, stands_for)
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = options.never_capture = True
    # re2's own methods take longer than the match of a line.
    found: _Match = re2.compile(rb"(?:(?:%b)?\n)*(?:(?:%b)?\z)?" % (line, line), options)._regexp.Match
    return found


def _time(unit: int) -> bytes:
    """Times without a sign that are in range, but for some of as many digits as the largest."""
    most = str(MAX_TIME // unit)
    fewer = rb"[0-9]{1,%d}" % (len(most) - 1)
    if most[0] == "1":
        return fewer
    return rb"(?:[1-%d][0-9]{%d}|%b)" % (int(most[0]) - 1, len(most) - 1, fewer)
