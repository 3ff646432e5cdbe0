"""Tokens of a Go template: the text between actions, and what stands inside `{{ }}`."""

from __future__ import annotations

import re
from typing import NamedTuple

from grammar.golang.quoting import quote

ERROR = "error"
BOOL = "bool"
CHAR = "char"
CHAR_CONSTANT = "char constant"
COMPLEX = "complex"
ASSIGN = "="
DECLARE = ":="
EOF = "EOF"
FIELD = "field"
IDENTIFIER = "identifier"
LEFT_DELIM = "{{"
LEFT_PAREN = "("
NUMBER = "number"
PIPE = "|"
RAW_STRING = "raw string"
RIGHT_DELIM = "}}"
RIGHT_PAREN = ")"
SPACE = "space"
STRING = "string"
TEXT = "text"
VARIABLE = "variable"
DOT = "."
KEYWORDS = frozenset(("block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template", "with"))

_BLANKS = " \t\r\n"
_WORD = re.compile(r"\w*")
_SPACES = re.compile(r"[ \t\r\n]*")
_QUOTED = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHAR_QUOTED = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)


class Token(NamedTuple):
    """One token: its kind, its offset in characters, its text and the line on which it starts."""

    kind: str
    pos: int
    text: str
    line: int

    def __str__(self) -> str:
        if self.kind == EOF:
            return "EOF"
        if self.kind == ERROR:
            return self.text
        if self.kind in KEYWORDS or self.kind == DOT:
            return f"<{self.text}>"
        if len(self.text.encode("utf-8", "surrogateescape")) > 10:
            return quote(self.text[:10]) + "..."
        return quote(self.text)


def tokenize(text: str) -> list[Token]:
    """Cut a template into tokens; the last one is EOF, or an ERROR whose text says what is wrong."""
    return _Lexer(text).run()


class _Lexer:
    def __init__(self, text: str) -> None:
        self.text = text
        self.pos = 0
        self.start = 0
        self.tokens: list[Token] = []
        self.line = 1
        self.counted = 0

    def run(self) -> list[Token]:
        while self._text_and_action():
            pass
        return self.tokens

    def _emit(self, kind: str, text: str | None = None) -> None:
        self.line += self.text.count("\n", self.counted, self.start)
        self.counted = self.start
        value = self.text[self.start : self.pos] if text is None else text
        self.tokens.append(Token(kind, self.start, value, self.line))
        self.start = self.pos

    def _fail(self, message: str) -> bool:
        self._emit(ERROR, message)
        return False

    def _text_and_action(self) -> bool:
        """One stretch of text and the action or comment after it; False at the end."""
        text = self.text
        at = text.find("{{", self.pos)
        if at < 0:
            self.pos = len(text)
            if self.pos > self.start:
                self._emit(TEXT)
            self._emit(EOF)
            return False
        trimmed = _left_marker(text, at + 2)
        self.pos = len(text[self.start : at].rstrip(_BLANKS)) + self.start if trimmed else at
        if self.pos > self.start:
            self._emit(TEXT)
        self.start = at
        self.pos = at + 2
        body = self.pos + (2 if trimmed else 0)
        if text.startswith("/*", body):
            return self._comment(body)
        self._emit(LEFT_DELIM)
        self.start = self.pos = body
        return self._action()

    def _comment(self, body: int) -> bool:
        self.start = body
        self.pos = body + 2
        end = self.text.find("*/", self.pos)
        if end < 0:
            return self._fail("unclosed comment")
        self.pos = end + 2
        delim, trimmed = self._at_right_delim()
        if not delim:
            return self._fail("comment ends before closing delimiter")
        self.pos += 4 if trimmed else 2
        if trimmed:
            self._skip_blanks()
        self.start = self.pos
        return True

    def _at_right_delim(self) -> tuple[bool, bool]:
        text, pos = self.text, self.pos
        if _right_marker(text, pos) and text.startswith("}}", pos + 2):
            return True, True
        return text.startswith("}}", pos), False

    def _skip_blanks(self) -> None:
        self.pos = _SPACES.match(self.text, self.pos).end()  # type: ignore[union-attr]

    def _right_delim(self) -> None:
        trimmed = _right_marker(self.text, self.pos)
        if trimmed:
            self.pos += 2
            self.start = self.pos
        self.pos += 2
        self._emit(RIGHT_DELIM)
        if trimmed:
            self._skip_blanks()
            self.start = self.pos

    def _action(self) -> bool:
        depth = 0
        text = self.text
        while True:
            delim, _ = self._at_right_delim()
            if delim:
                if depth:
                    return self._fail("unclosed left paren")
                self._right_delim()
                return True
            if self.pos >= len(text):
                return self._fail("unclosed action")
            char = text[self.pos]
            self.pos += 1
            if char in _BLANKS:
                self._space()
            elif char == "=":
                self._emit(ASSIGN)
            elif char == ":":
                if not text.startswith("=", self.pos):
                    self.pos += 1
                    return self._fail("expected :=")
                self.pos += 1
                self._emit(DECLARE)
            elif char == "|":
                self._emit(PIPE)
            elif char == '"':
                if not self._matched(_QUOTED, STRING):
                    return self._fail("unterminated quoted string")
            elif char == "`":
                end = text.find("`", self.pos)
                if end < 0:
                    return self._fail("unterminated raw quoted string")
                self.pos = end + 1
                self._emit(RAW_STRING)
            elif char == "'":
                if not self._matched(_CHAR_QUOTED, CHAR_CONSTANT):
                    return self._fail("unterminated character constant")
            elif char == "$" or (char == "." and self.pos < len(text) and not "0" <= text[self.pos] <= "9"):
                if not self._field_or_variable(VARIABLE if char == "$" else FIELD):
                    return False
            elif char in "+-." or "0" <= char <= "9":
                if not self._number():
                    return False
            elif _alphanumeric(char):
                if not self._identifier():
                    return False
            elif char == "(":
                self._emit(LEFT_PAREN)
                depth += 1
            elif char == ")":
                self._emit(RIGHT_PAREN)
                depth -= 1
                if depth < 0:
                    return self._fail("unexpected right paren U+0029 ')'")
            elif char < "\x80" and char.isprintable():
                self._emit(CHAR)
            else:
                return self._fail(f"unrecognized character in action: {_name_rune(char)}")

    def _space(self) -> None:
        self._skip_blanks()
        # A closing trim marker begins with the last of these blanks.
        if _right_marker(self.text, self.pos - 1) and self.text.startswith("}}", self.pos + 1):
            self.pos -= 1
            if self.pos == self.start:
                return
        self._emit(SPACE)

    def _matched(self, pattern: re.Pattern[str], kind: str) -> bool:
        found = pattern.match(self.text, self.start)
        if not found:
            return False
        self.pos = found.end()
        self._emit(kind)
        return True

    def _field_or_variable(self, kind: str) -> bool:
        if self._at_terminator():
            self._emit(DOT if kind == FIELD else VARIABLE)
            return True
        self.pos = _WORD.match(self.text, self.pos).end()  # type: ignore[union-attr]
        if not self._at_terminator():
            return self._fail(f"bad character {_name_rune(self.text[self.pos])}")
        self._emit(kind)
        return True

    def _identifier(self) -> bool:
        self.pos = _WORD.match(self.text, self.pos).end()  # type: ignore[union-attr]
        if not self._at_terminator():
            return self._fail(f"bad character {_name_rune(self.text[self.pos])}")
        word = self.text[self.start : self.pos]
        if word in KEYWORDS:
            self._emit(word)
        elif word in ("true", "false"):
            self._emit(BOOL)
        else:
            self._emit(IDENTIFIER)
        return True

    def _at_terminator(self) -> bool:
        if self.pos >= len(self.text):
            return True
        return self.text[self.pos] in " \t\r\n.,|:)(" or self.text.startswith("}}", self.pos)

    def _number(self) -> bool:
        text = self.text
        kind = NUMBER
        good = self._scan_number(self.start)
        if good and self.pos < len(text) and text[self.pos] in "+-":
            kind = COMPLEX
            good = self._scan_number(self.pos) and text[self.pos - 1] == "i"
        if not good:
            return self._fail(f"bad number syntax: {quote(text[self.start : self.pos])}")
        self._emit(kind)
        return True

    def _scan_number(self, start: int) -> bool:
        self.pos = _NUMBER.match(self.text, start).end()  # type: ignore[union-attr]
        if self.pos < len(self.text) and _alphanumeric(self.text[self.pos]):
            self.pos += 1
            return False
        return True


def _left_marker(text: str, pos: int) -> bool:
    return text.startswith("-", pos) and text[pos + 1 : pos + 2] in (" ", "\t", "\r", "\n")


def _right_marker(text: str, pos: int) -> bool:
    return pos >= 0 and text[pos : pos + 1] in (" ", "\t", "\r", "\n") and text.startswith("-", pos + 1)


def _alphanumeric(char: str) -> bool:
    return char == "_" or char.isalpha() or char.isdecimal()


def _name_rune(char: str) -> str:
    name = f"U+{ord(char):04X}"
    return f"{name} '{char}'" if char.isprintable() else name
