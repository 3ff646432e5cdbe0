"""The fast path: one compiled pattern of plain bodies, for those too small to be worth numpy's overhead."""

from __future__ import annotations

import functools
import re

from services.lineprotocol.reference_parser import MAX_TIME

SMALL = 12_000
"""Of bodies of more bytes the vectorised parser is faster. Keys of such bodies are never too long."""

_TAGS = rb"(?:,[^, =\n\\]++=[^, =\n\\]++)*+"
_KEY = rb"[^, =\n\\\t\0#][^, =\n\\]*+" + _TAGS
_NUMBER = rb"-?(?:[0-9]{1,18}+(?:i|(?:\.[0-9]{0,99}+)?(?:[eE][+-]?[0-9]{1,2}+)?)|\.[0-9]{1,99}+)"
_STRING = rb'"(?:[^"\\\n]|\\[^\n])*+"'
_BOOL = rb"(?:TRUE|FALSE|[tT](?:rue)?|[fF](?:alse)?)"
_FIELD = rb'[^, =\n\\\t\0"][^, =\n\\"]*+=(?:' + _NUMBER + rb"|" + _STRING + rb"|" + _BOOL + rb")"
_TAG_NAME = re.compile(rb",([^=]*+)=")


def fits_fast_path(body: bytes, unit: int) -> bool:
    """Whether all of a small body is valid and plain: no escapes in keys, single spaces, no comments.

    `unit`: ns of one unit of the timestamps. False says nothing of whether it is valid.
    """
    if len(body) > SMALL or _pattern(unit).fullmatch(body) is None:
        return False
    for line in body.split(b"\n"):
        key = line[: line.find(b" ")]
        if key.count(b",") > 1:
            names = _TAG_NAME.findall(key)
            if len(set(names)) < len(names):
                return False
    return True


def split_line(line: bytes) -> tuple[int, int, int | None]:
    """Of a line of a body that fits: where its key ends, where its fields end, and its timestamp as written, if any."""
    end = line.find(b" ")
    last = line.rfind(b" ")
    # A string may hold spaces, but then no digits end the line.
    if last > end and line[last + 1 :].lstrip(b"-").isdigit():
        return end, last, int(line[last + 1 :])
    return end, len(line), None


@functools.cache
def _pattern(unit: int) -> re.Pattern[bytes]:
    most = str(MAX_TIME // unit)
    # All numbers of fewer digits fit, and of as many those with a smaller first one.
    time = rb"[0-9]{1,%d}" % (len(most) - 1)
    if most[0] > "1":
        time = rb"(?:[1-%d][0-9]{%d}|%b)" % (int(most[0]) - 1, len(most) - 1, time)
    line = _KEY + rb" " + _FIELD + rb"(?:," + _FIELD + rb")*+(?: -?" + time + rb")?"
    return re.compile(rb"(?:(?:%b)?\n)*+(?:%b)?" % (line, line))
