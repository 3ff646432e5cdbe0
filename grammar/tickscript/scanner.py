"""Cuts a script into tokens, as Kapacitor's lexer does.

What a character means depends on what stands before it: behind a value `/` divides and `*` multiplies, elsewhere they
begin a regex and are a star, and `+` or `<` is nothing at all. A comment counts as "elsewhere". So the scanner has two
states, and only with its help can the grammar be written down plainly (see `tickscript.tx`).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import accumulate
from typing import NamedTuple

from grammar.golang.quoting import quote
from grammar.tickscript.ast import Position

# Kinds are named as Kapacitor's errors name them, but for these two, which the errors write as `*` and `/`.
MULTIPLY = "×"
DIVIDE = "÷"
EOF = "EOF"
ERROR = "ERR"

LITERALS = frozenset({"number", "string", "duration", "regex", "reference", "*", "TRUE", "FALSE"})
BINARY_OPERATORS = frozenset(
    {"+", "-", MULTIPLY, DIVIDE, "%", "==", "!=", "<", "<=", ">", ">=", "=~", "!~", "AND", "OR"}
)


class Token(NamedTuple):
    """One token: its kind, its text (for ERR what is wrong), its place, and the comment lines before it."""

    kind: str
    text: str
    position: Position
    comment: tuple[str, ...]


def scan(text: str, most: int | None = None) -> list[Token]:
    """The tokens of a script, in order.

    The last one is of kind EOF, or of kind ERR where the text cannot be cut further; it never raises. `text` must not
    hold lone surrogates. Behind so many tokens as `most` it stops: the last one is then any.
    """
    kinds: list[str] = []
    texts: list[str] = []
    starts: list[int] = []
    comments: dict[int, tuple[str, ...]] = {}
    pending: list[str] = []
    pattern, at = _ANYWHERE, 0
    while True:
        match = pattern.match(text, at)
        if match is None or match.lastgroup is None:
            break
        group, start = match.lastgroup, match.start(match.lastgroup)
        at = match.end()
        if group == "comment":
            pending.append(text[start:at])
            pattern = _ANYWHERE
            continue
        word = text[start:at]
        if group == "identifier":
            kind = _KEYWORDS.get(word, group)
            if not word.isascii():
                at = start + _letters_and_digits(word)
                word = text[start:at]
                kind = _KEYWORDS.get(word, group)
            if kind == "identifier" and not word:
                break
        elif group == "operator":
            kind = _OPERATORS.get(word, word)
        elif group == "mark":
            kind = word
        else:
            kind = group
        if pending:
            comments[len(kinds)] = _comment_lines(pending)
            pending = []
        if kind == "number" and text.startswith(".", at):
            kind, word = ERROR, "multiple decimals in number"
        kinds.append(kind)
        texts.append(word)
        starts.append(start)
        if kind == ERROR:
            return _finish(text, kinds, texts, starts, comments)
        if most is not None and len(kinds) > most:
            return _finish(text, kinds, texts, starts, comments)
        pattern = _BEHIND_VALUE if kind in _VALUES else _ANYWHERE
        if kind in _BEFORE_REGEX and (match := _REGEX_NEXT.match(text, at)):
            # Even `//` is an empty regex here, not a comment.
            kinds.append("regex")
            texts.append(match.group("regex"))
            starts.append(match.start("regex"))
            at = match.end()
    start = _SPACES.match(text, at).end()  # type: ignore[union-attr]
    if pending:
        comments[len(kinds)] = _comment_lines(pending)
    kinds.append(EOF if start == len(text) else ERROR)
    texts.append("" if start == len(text) else _what_is_wrong(text[start]))
    starts.append(start)
    return _finish(text, kinds, texts, starts, comments)


def _finish(
    text: str, kinds: list[str], texts: list[str], starts: list[int], comments: dict[int, tuple[str, ...]]
) -> list[Token]:
    return [
        Token(kind, word, position, comments.get(i, ()))
        for i, (kind, word, position) in enumerate(zip(kinds, texts, _positions(text, starts), strict=True))
    ]


def _positions(text: str, starts: list[int]) -> list[Position]:
    if not text.isascii():
        before = [0, *accumulate(len(c.encode()) for c in text)]
        breaks = [before[m.start()] for m in _LINE_BREAK.finditer(text)]
        starts = [before[start] for start in starts]
    else:
        breaks = [m.start() for m in _LINE_BREAK.finditer(text)]
    positions = []
    for start in starts:
        line = bisect_left(breaks, start)
        positions.append(Position(start, line + 1, start - breaks[line - 1] if line else start + 1))
    return positions


def _comment_lines(comments: list[str]) -> tuple[str, ...]:
    lines: list[str] = []
    for i, comment in enumerate(comments):
        if i:
            lines.append("\n")
        stripped = (line.strip(_SPACE_CHARACTERS) for line in comment.split("\n"))
        lines.extend(line.removeprefix("//").removeprefix(" ") for line in stripped if line)
    return tuple(lines)


def _letters_and_digits(word: str) -> int:
    """How many of the characters make a name: `\\w` also takes numerals such as `²`, which are no digits here."""
    if not word[0].isalpha():
        return 0
    return next((i for i, c in enumerate(word) if not (c.isalpha() or c.isdecimal() or c == "_")), len(word))


def _what_is_wrong(character: str) -> str:
    if character in _UNTERMINATED:
        return f"unterminated {_UNTERMINATED[character]}"
    return "unknown state, last char: " + quote(character, "'")


_UNTERMINATED = {'"': "field reference", "'": "string", "/": "regex"}

_KEYWORDS = {word: word for word in ("AND", "OR", "TRUE", "FALSE", "var", "dbrp")} | {"lambda:": "lambda"}
_OPERATORS = {"*": MULTIPLY, "/": DIVIDE}
_VALUES = frozenset(
    {"identifier", "number", "duration", "string", "reference", ")", "lambda", *_KEYWORDS} - {"lambda:"}
)
_BEFORE_REGEX = frozenset({"=", "=~", "!~"})

_SPACE_CHARACTERS = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
_SPACE_CHARACTERS += "\u2028\u2029\u202f\u205f\u3000"
_SPACE = f"[{_SPACE_CHARACTERS}]"
_SPACE_IN_LINE = _SPACE.replace("\n", "")

# A comment goes on over a line break where the next line begins with a slash.
_COMMENT = rf"(?P<comment>//[^\n]*+(?:\n{_SPACE_IN_LINE}*+/[^\n]*+)*+(?:\n{_SPACE_IN_LINE}*+)?)"
_REGEX = r"(?P<regex>/(?:[^/\\]++|\\/?+)*+/)"
_TOKENS = rf"""
    (?P<identifier>lambda:|[^\W\d_]\w*+)
  | (?P<mark>[()\[\]|@,*!-]|\.(?!\d))
  | (?P<reference>"(?:[^"\\]++|\\"?+)*+")
  | (?P<string>'''(?:[^']++|'(?!''))*+'''|'(?!'')(?:[^'\\]++|\\'?+)*+')
  | (?P<duration>\d++(?:ms|[uµsmhdw]))
  | (?P<number>\d++\.?\d*+|\.\d++)
  | {_COMMENT}
  | {_REGEX}
"""
_ANYWHERE = re.compile(f"{_SPACE}*+(?:{_TOKENS})", re.VERBOSE)
_BEHIND_VALUE = re.compile(rf"{_SPACE}*+(?:(?P<operator>[!=]~|[!=<>]=|[-+*%<>=!]|/(?!/))|{_TOKENS})", re.VERBOSE)
_REGEX_NEXT = re.compile(rf"{_SPACE}*+{_REGEX}")
_SPACES = re.compile(rf"{_SPACE}*+")
_LINE_BREAK = re.compile("\n")
