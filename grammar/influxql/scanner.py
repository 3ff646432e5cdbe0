"""InfluxQL's tokens, as InfluxDB 1.x cuts them."""

from __future__ import annotations

import re
from dataclasses import dataclass


class InfluxQLError(ValueError):
    """Text that is no query, or none that can be used; str() says why in the reference's words."""


class TooDeep(InfluxQLError):
    """A query whose expressions are nested too deeply to be worked on."""


_KEYWORDS = """
    ALL ALTER ANY AS ASC BEGIN BY CREATE CONTINUOUS DATABASE DATABASES DEFAULT DELETE DESC DESTINATIONS DIAGNOSTICS
    DISTINCT DROP DURATION END EVERY EXPLAIN FIELD FOR FROM GRANT GRANTS GROUP GROUPS IN INF INSERT INTO KEY KEYS
    KILL LIMIT MEASUREMENT MEASUREMENTS NAME OFFSET ON ORDER PASSWORD POLICY POLICIES PRIVILEGES QUERIES QUERY READ
    REPLICATION RESAMPLE RETENTION REVOKE SELECT SERIES SET SHOW SHARD SHARDS SLIMIT SOFFSET STATS SUBSCRIPTION
    SUBSCRIPTIONS TAG TO USER USERS VALUES WHERE WITH WRITE AND OR TRUE FALSE
"""
KEYWORDS = frozenset(_KEYWORDS.split())
OPERATORS = {
    "OR": 1,
    "AND": 2,
    **dict.fromkeys(("=", "!=", "=~", "!~", "<", "<=", ">", ">="), 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
}
"""Operators by how closely they bind."""


@dataclass(frozen=True, slots=True)
class Token:
    """kind: a keyword in capitals, a sign, or IDENT, STRING, INTEGER, NUMBER, DURATIONVAL, REGEX, BOUNDPARAM, WS, EOF,
    ILLEGAL, BADSTRING, BADESCAPE. text: what is in it, unescaped. start, end: where it is. at: where errors place it.
    """

    kind: str
    text: str
    start: int
    end: int
    at: int

    @property
    def shown(self) -> str:
        """The token in error texts."""
        return self.text or self.kind


_SPACE = re.compile(r"[ \t\n]+")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PARAMETER = re.compile(r"\$([A-Za-z0-9_]*)")
_NUMBER = re.compile(
    r"[+-]?(?:\d+\.\d+|\.\d+|(?P<open>\d+)\.|\d+(?P<unit>[A-Za-zµ][A-Za-z0-9µ]*)|(?P<whole>\d+))", re.ASCII
)
_SIGN = re.compile(r"=~|!=|!~|>=|<=|<>|::|[-+*/=<>(),;:.]")
_ESCAPES = {"n": "\n", "\\": "\\", '"': '"', "'": "'"}


class Scanner:
    """Tokens of one text, from wherever they are asked for."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")
        self._past = 0  # how far behind the text its end is told to be: words and spaces run one character over it

    def place(self, at: int) -> str:
        """Line and character of an index."""
        before = self.text[:at]
        line = before.count("\n")
        return f"line {line + 1}, char {at - (before.rfind(chr(10)) + 1) + 1}"

    def scan(self, at: int) -> Token:
        """The token that begins at an index, white space included."""
        text = self.text
        if at >= len(text):
            return Token("EOF", "", at, at, len(text) + self._past)
        if m := _SPACE.match(text, at):
            return self._running_over(Token("WS", m[0], at, m.end(), at))
        if m := _WORD.match(text, at):
            word = m[0].upper()
            known = word in KEYWORDS
            return self._running_over(Token(word if known else "IDENT", "" if known else m[0], at, m.end(), at))
        if m := _NUMBER.match(text, at):
            kind = "DURATIONVAL" if m["unit"] else "INTEGER" if m["whole"] else "NUMBER"
            return Token(kind, m[0].rstrip("."), at, m.end(), at)
        if text[at] in "'\"":
            return self._quoted(at)
        if m := _PARAMETER.match(text, at):
            return Token("BOUNDPARAM", m[0], at, m.end(), at)
        if m := _SIGN.match(text, at):
            return Token("!=" if m[0] == "<>" else m[0], "", at, m.end(), at)
        return Token("ILLEGAL", text[at], at, at + 1, at)

    def regex(self, at: int) -> Token:
        """The regular expression whose slash is at an index."""
        i = at + 1
        while i < len(self.text) and self.text[i] not in "/\n":
            i += 2 if self.text.startswith("\\/", i) else 1
        if not self.text.startswith("/", i):
            return Token("BADREGEX", "", at, i, max(at - 1, 0))
        return Token("REGEX", self.text[at + 1 : i].replace("\\/", "/"), at, i + 1, max(at - 1, 0))

    def _quoted(self, at: int) -> Token:
        text, quote = self.text, self.text[at]
        out: list[str] = []
        i = at + 1
        while i < len(text) and text[i] not in (quote, "\n"):
            if text[i] == "\\":
                escaped = text[i + 1 : i + 2]
                if escaped not in _ESCAPES:
                    return Token("BADESCAPE", "\\" + escaped, at, i + 2, i + 1)
                out.append(_ESCAPES[escaped])
                i += 2
            else:
                out.append(text[i])
                i += 1
        if not text.startswith(quote, i):
            return Token("BADSTRING", "".join(out), at, i, max(at - 1, 0))
        if quote == '"':
            return Token("IDENT", "".join(out), at, i + 1, at)
        return Token("STRING", "".join(out), at, i + 1, max(at - 1, 0))

    def _running_over(self, token: Token) -> Token:
        if token.end == len(self.text):
            self._past = 1
        return token
