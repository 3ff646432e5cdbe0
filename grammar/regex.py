"""Go's regular expressions, run by RE2: the same syntax, and a time that grows with the length of the text only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import re2

_Spans = Sequence[tuple[int, int]]


class RegexError(ValueError):
    """A pattern that cannot be read. str() is Go's wording."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"error parsing regexp: {what}: `{where}`")


class Regex:
    """A compiled pattern. In texts, a lone surrogate counts as a question mark."""

    __slots__ = ("_groups", "_match", "_names", "pattern", "size")

    def __init__(self, pattern: str) -> None:
        """RegexError where Go refuses the pattern, or where it is too large: RE2 gives each 8 MiB."""
        self.pattern = pattern
        # RE2 reads a whole pattern before it finds it too large: at these bounds that is a second or two.
        if len(pattern) > _MAX_LENGTH or pattern.count("\\p") + pattern.count("\\P") > _MAX_CLASSES:
            raise _too_large(pattern)
        if (unknown := _ANY_BYTE.match(pattern)) is not None:
            raise RegexError("invalid escape sequence", unknown["escape"])
        try:
            compiled = re2.compile(_bytes(pattern), _OPTIONS)
        except re2.error as e:
            raise _refused(e, pattern) from None
        # re2's own methods copy text and offsets about: they take ten times as long as the match.
        self._match = compiled._regexp.Match
        self._groups: int = compiled.groups
        self.size: int = compiled.programsize
        self._names = [(name.decode(), number) for name, number in compiled.groupindex.items()]

    def matches(self, text: str) -> bool:
        """Whether the pattern is found anywhere in the text."""
        data = _bytes(text)
        found: bool = self._match(_ANYWHERE, data, 0, len(data))[0][0] >= 0
        return found

    def replace(self, text: str, template: str) -> str:
        """The text with each match replaced by the template, in which `$1`, `$name` and `${name}` are groups.

        A name is as long as it can be, so `$1x` is the group `1x`. A group that is not there is empty; `$$` is a
        dollar, and a dollar before anything else stands for itself. As in Go, the empty string directly behind a match
        is not replaced again.
        """
        data = _bytes(text)
        parts: list[bytes] = []
        end = at = 0
        while at <= len(data):
            spans: _Spans = self._match(_ANYWHERE, data, at, len(data))
            first, last = spans[0]
            if first < 0:
                break
            parts.append(data[end:first])
            if last > end or first == 0:
                parts.append(self._expanded(template, data, spans))
            end = last
            at = last if last > at else at + _width(data, at)
        parts.append(data[end:])
        return b"".join(parts).decode("utf-8", "replace")

    def _expanded(self, template: str, data: bytes, spans: _Spans) -> bytes:
        def value(reference: re.Match[str]) -> str:
            name = reference["name"] or reference["braced"]
            if name is None:
                return "$"
            first, last = self._span(name, spans)
            return data[first:last].decode("utf-8", "replace") if first >= 0 else ""

        return _bytes(_REFERENCE.sub(value, template))

    def _span(self, name: str, spans: _Spans) -> tuple[int, int]:
        if _NUMBER.fullmatch(name):
            return spans[int(name)] if int(name) <= self._groups else _NOWHERE
        named = (spans[number] for group, number in self._names if group == name)
        return next((span for span in named if span[0] >= 0), _NOWHERE)


@lru_cache(maxsize=128)
def compile_regex(pattern: str) -> Regex:
    """A pattern, compiled; RegexError where it cannot be. Kept are 128, a gigabyte where each fills its 8 MiB."""
    return Regex(pattern)


def _refused(error: re2.error, pattern: str) -> RegexError:
    """RE2's reason in Go's words: both have the same kinds of error, and name the same part of the pattern."""
    what, _, where = error.args[0].decode("utf-8", "replace").partition(": ")
    if what not in _WORDS:
        return _too_large(pattern)
    return RegexError(_WORDS[what], where)


def _too_large(pattern: str) -> RegexError:
    return RegexError("expression too large", pattern if len(pattern) <= _SHOWN else pattern[:_SHOWN] + "…")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _width(data: bytes, at: int) -> int:
    """How many bytes the character at a place takes; 1 behind the last."""
    lead = data[at] if at < len(data) else 0
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def escape(text: str) -> str:
    """A pattern that the text alone fits (regexp.QuoteMeta)."""
    escaped: str = re2.escape(_bytes(text)).decode()
    return escaped


_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_ANYWHERE = re2._re2.RE2.Anchor.UNANCHORED
_NOWHERE = (-1, -1)
_MAX_LENGTH = 1 << 16
_MAX_CLASSES = 1000  # of Unicode's, each some hundred ranges
MAX_SIZE = 500_000
"""Of all that stand in one script together: the parts of their programs. To compile as many takes half a second."""
_SHOWN = 100  # characters of a pattern that is too large
_REFERENCE = re.compile(r"\$(?:\$|(?P<name>\w+)|\{(?P<braced>\w+)\}|)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
# `\C`, a single byte, which RE2 knows and Go does not; not behind a backslash that is escaped, nor between \Q and \E.
_ANY_BYTE = re.compile(r"(?s)(?:[^\\]|\\Q.*?(?:\\E|\Z)|\\[^CQ])*+(?P<escape>\\C)")
_WORDS = {
    "invalid escape sequence": "invalid escape sequence",
    "invalid character class": "invalid character class",
    "invalid character class range": "invalid character class range",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "unexpected )": "unexpected )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid UTF-8": "invalid UTF-8",
    "invalid named capture group": "invalid named capture",
}
