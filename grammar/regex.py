"""Go's regular expressions (RE2 syntax) on Python's `re`.

Patterns are translated, not interpreted, so a match costs what `re` costs. Both engines take the leftmost match and, of
those, the first in the order of the alternatives, so they find the same. Unlike RE2's, the time that a match takes is
not bounded by the length of the text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from grammar.unicode_classes import MAX_RUNE, Ranges, negate, unicode_class


class RegexError(ValueError):
    """A pattern that cannot be read. str() is Go's wording."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(f"error parsing regexp: {what}: `{where}`")


@lru_cache(maxsize=1024)
def compile_regex(pattern: str) -> re.Pattern[str]:
    """A pattern in RE2 syntax as a compiled Python one; RegexError where Go refuses it.

    Groups keep their numbers. A named group `n` of number 2 is called `g2_n` in the result, for Go allows names that
    Python does not. Of the Unicode scripts only some are known.
    """
    translated = _Translation(pattern).run()
    try:
        return re.compile(translated)
    except (re.error, OverflowError, RecursionError) as error:
        raise RegexError(f"expression cannot be compiled, {error}", pattern) from None


def expand(template: str, match: re.Match[str]) -> str:
    """A replacement template with `$1`, `$name` and `${name}` filled in from a match of `compile_regex`'s.

    A name is as long as it can be, so `$1x` is the group `1x`. What is not there is empty; `$$` is a dollar, and a
    dollar before anything else stands for itself.
    """
    return _REFERENCE.sub(lambda reference: _value(reference, match), template)


def replace_all(regex: re.Pattern[str], text: str, template: str) -> str:
    """The text with each match replaced by the expanded template.

    As in Go, the empty string directly behind a match is not replaced again.
    """
    parts: list[str] = []
    end = at = 0
    while at <= len(text) and (match := regex.search(text, at)):
        parts.append(text[end : match.start()])
        if match.end() > end or match.start() == 0:
            parts.append(expand(template, match))
        end = match.end()
        at = max(at + 1, end)
    parts.append(text[end:])
    return "".join(parts)


def _value(reference: re.Match[str], match: re.Match[str]) -> str:
    name = reference["name"] or reference["braced"]
    if name is None:
        return "$"
    if _NUMBER.fullmatch(name):
        return (match[int(name)] or "") if int(name) <= match.re.groups else ""
    for group, number in match.re.groupindex.items():
        if group.partition("_")[2] == name and match[number] is not None:
            return match[number]
    return ""


_REFERENCE = re.compile(r"\$(?:\$|(?P<name>\w+)|\{(?P<braced>\w+)\}|)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")


class _Flags(NamedTuple):
    fold: bool = False
    multiline: bool = False
    dot_all: bool = False
    lazy: bool = False


class _Class(NamedTuple):
    """A class of characters, and whether upper and lower case are the same to it where the flags say so."""

    ranges: Ranges
    negated: bool = False
    fold: bool = False


class _Group:
    """An open group: what opened it in the result, the flags before it, and its parts so far."""

    def __init__(self, opening: str, flags: _Flags) -> None:
        self.opening = opening
        self.flags = flags
        self.alternatives: list[str] = []
        self.parts: list[str] = []

    def next_alternative(self) -> None:
        self.alternatives.append("".join(self.parts))
        self.parts = []

    def close(self) -> str:
        self.next_alternative()
        return f"{self.opening}{'|'.join(self.alternatives)})"


class _Translation:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._flags = _Flags()
        self._groups = [_Group("(?:", self._flags)]
        self._captures = 0

    def run(self) -> str:
        pattern = self._pattern
        last_repeat: int | None = None
        while self._at < len(pattern):
            start = self._at
            repeat = self._repeat(last_repeat)
            if not repeat:
                self._piece(pattern[start])
            last_repeat = start if repeat else None
        if len(self._groups) > 1:
            raise RegexError("missing closing )", pattern)
        return self._groups[0].close()

    def _piece(self, character: str) -> None:
        """One thing that is no repetition."""
        if character == "\\":
            self._backslash()
            return
        if character == "[":
            self._push(self._class())
            return
        if character == "(":
            self._open()
            return
        self._at += 1
        if character == "|":
            self._groups[-1].next_alternative()
        elif character == ")":
            self._close()
        elif character == "^":
            self._push("(?m:^)" if self._flags.multiline else r"(?:\A)")
        elif character == "$":
            self._push("(?m:$)" if self._flags.multiline else r"(?:\Z)")
        elif character == ".":
            self._push("(?s:.)" if self._flags.dot_all else r"[^\n]")
        else:
            self._push(self._literal(character))

    def _push(self, part: str) -> None:
        self._groups[-1].parts.append(part)

    def _literal(self, character: str) -> str:
        text = re.escape(character)
        return f"(?i:{text})" if self._flags.fold and character.isalpha() else text

    def _repeat(self, last_repeat: int | None) -> bool:
        """Reads `*`, `+`, `?` or `{…}`; False where none stands here."""
        match = _REPEAT.match(self._pattern, self._at)
        if not match:
            return False
        start, self._at = self._at, match.end()
        text, lazy = match["repeat"], bool(match["lazy"]) != self._flags.lazy
        if text[0] == "{":
            low, high = int(match["low"]), int(match["high"] or -1)
            if low > _MAX_REPEAT or high > _MAX_REPEAT or 0 <= high < low:
                raise RegexError("invalid repeat count", text)
        if last_repeat is not None:
            raise RegexError("invalid nested repetition operator", self._pattern[last_repeat : self._at])
        if not self._groups[-1].parts:
            raise RegexError("missing argument to repetition operator", self._pattern[start : self._at])
        part = self._groups[-1].parts.pop()
        self._push(f"(?:{part}){text}{'?' if lazy else ''}")
        return True

    def _open(self) -> None:
        pattern, start = self._pattern, self._at
        if not pattern.startswith("(?", start):
            self._at += 1
            self._captures += 1
            self._groups.append(_Group("(", self._flags))
        elif pattern.startswith("(?P<", start) and len(pattern) > start + 4:
            end = pattern.find(">", start)
            if end < 0:
                raise RegexError("invalid named capture", pattern[start:])
            name = pattern[start + 4 : end]
            if not _CAPTURE_NAME.fullmatch(name):
                raise RegexError("invalid named capture", pattern[start : end + 1])
            self._at = end + 1
            self._captures += 1
            self._groups.append(_Group(f"(?P<g{self._captures}_{name}>", self._flags))
        else:
            self._open_with_flags()

    def _open_with_flags(self) -> None:
        """`(?i)` changes the flags up to the end of the group around it, `(?i:` opens a group with them."""
        start = self._at
        match = _FLAGS.match(self._pattern, start)
        if not match:
            stop = _FLAGS_END.match(self._pattern, start)
            end = stop.end() if stop else len(self._pattern)
            raise RegexError("invalid or unsupported Perl syntax", self._pattern[start : end + 1])
        before = self._flags
        changes = {_FLAG_NAMES[flag]: True for flag in match["on"]}
        changes |= {_FLAG_NAMES[flag]: False for flag in match["off"] or ""}
        self._flags = before._replace(**changes)
        self._at = match.end()
        if match["end"] == ":":
            self._groups.append(_Group("(?:", before))

    def _close(self) -> None:
        if len(self._groups) < 2:
            raise RegexError("unexpected )", self._pattern)
        group = self._groups.pop()
        self._flags = group.flags
        self._push(group.close())

    def _backslash(self) -> None:
        pattern, start = self._pattern, self._at
        following = pattern[start + 1 : start + 2]
        if following in _ANCHORS and following:
            self._at += 2
            self._push(_ANCHORS[following])
        elif following == "Q":
            end = pattern.find("\\E", start + 2)
            end = len(pattern) if end < 0 else end
            for character in pattern[start + 2 : end]:
                self._push(self._literal(character))
            self._at = min(end + 2, len(pattern))
        elif (named := self._named_class()) is not None:
            self._push(self._written(named))
        else:
            self._push(self._literal(self._escape()))

    def _named_class(self) -> _Class | None:
        """`\\d`, `\\pL`, `\\p{Greek}` and their negations; None where none stands here."""
        pattern, start = self._pattern, self._at
        if pattern[start : start + 2] in _PERL_CLASSES:
            self._at += 2
            return _Class(_PERL_CLASSES[pattern[start : start + 2]])
        match = _UNICODE_CLASS.match(pattern, start)
        if not match:
            if pattern.startswith(("\\p{", "\\P{"), start):
                raise RegexError("invalid character class range", pattern[start:])
            return None
        name = match["name"] or match["letter"] or ""
        ranges = unicode_class(name.removeprefix("^"))
        if ranges is None:
            raise RegexError("invalid character class range", match[0])
        self._at = match.end()
        return _Class(ranges, (match["sign"] == "P") != name.startswith("^"), fold=True)

    def _escape(self) -> str:
        """One escaped character."""
        pattern, start = self._pattern, self._at
        if start + 1 == len(pattern):
            raise RegexError("trailing backslash at end of expression", "")
        match = _ESCAPE.match(pattern, start)
        if match:
            self._at = match.end()
            if match["plain"]:
                return _CONTROL.get(match["plain"], match["plain"])
            code = int(match["octal"], 8) if match["octal"] else int(match["hex"] or match["braced"], 16)
            if code > MAX_RUNE:
                raise RegexError("invalid escape sequence", match[0][:-1])
            return chr(code)
        stop = _ESCAPE_END.match(pattern, start)
        raise RegexError("invalid escape sequence", stop[0] if stop else pattern[start:])

    def _class(self) -> str:
        """A class in square brackets."""
        pattern, start = self._pattern, self._at
        self._at += 1
        negated = pattern.startswith("^", self._at)
        self._at += negated
        parts: list[_Class] = []
        first = self._at
        while not pattern.startswith("]", self._at) or self._at == first:
            if (posix := _POSIX_CLASS.match(pattern, self._at)) is not None:
                if posix["name"] not in _POSIX_CLASSES:
                    raise RegexError("invalid character class range", posix[0])
                parts.append(_Class(_POSIX_CLASSES[posix["name"]], bool(posix["not"])))
                self._at = posix.end()
            elif (named := self._named_class()) is not None:
                parts.append(named)
            else:
                parts.append(_Class((self._range(start),), fold=True))
        self._at += 1
        return self._join(parts, negated)

    def _join(self, parts: list[_Class], negated: bool) -> str:
        """One class of several. With case folded they stay apart, for a fold must not reach into a negated one."""
        if not self._flags.fold:
            ranges = [r for part in parts for r in (negate(part.ranges) if part.negated else part.ranges)]
            return self._written(_Class(tuple(ranges), negated))
        plain = [r for part in parts if not part.negated and not part.fold for r in part.ranges]
        folded = [r for part in parts if not part.negated and part.fold for r in part.ranges]
        joined = [_Class(tuple(plain)), _Class(tuple(folded), fold=True), *(part for part in parts if part.negated)]
        written = "|".join(self._written(part) for part in joined if part.ranges)
        return f"(?:(?!{written})(?s:.))" if negated else f"(?:{written})"

    def _written(self, part: _Class) -> str:
        text = "".join(_rune(low) if low == high else f"{_rune(low)}-{_rune(high)}" for low, high in part.ranges)
        text = f"[^{text}]" if part.negated else f"[{text}]"
        return f"(?i:{text})" if part.fold and self._flags.fold else text

    def _range(self, class_start: int) -> tuple[int, int]:
        """A character, or a range of them, in a class."""
        pattern, start = self._pattern, self._at
        low = high = self._class_character(class_start)
        if pattern.startswith("-", self._at) and not pattern.startswith("-]", self._at) and self._at + 1 < len(pattern):
            self._at += 1
            high = self._class_character(class_start)
            if high < low:
                raise RegexError("invalid character class range", pattern[start : self._at])
        return low, high

    def _class_character(self, class_start: int) -> int:
        if self._at >= len(self._pattern):
            raise RegexError("missing closing ]", self._pattern[class_start:])
        if self._pattern[self._at] == "\\":
            return ord(self._escape())
        self._at += 1
        return ord(self._pattern[self._at - 1])


def _rune(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\U{code:08x}"


def _ranges(characters: str) -> Ranges:
    """Ranges from a text of pairs: `azAZ` is a-z and A-Z."""
    return tuple((ord(low), ord(high)) for low, high in zip(characters[::2], characters[1::2], strict=True))


_MAX_REPEAT = 1000
_REPEAT = re.compile(r"(?P<repeat>[*+?]|\{(?P<low>0|[1-9][0-9]*)(?:,(?P<high>0|[1-9][0-9]*)?)?\})(?P<lazy>\?)?")
_CAPTURE_NAME = re.compile("[A-Za-z0-9_]+")
_FLAGS = re.compile(r"\(\?(?P<on>[imsU]*)(?:-(?P<off>[imsU]+))?(?P<end>[:)])")
_FLAGS_END = re.compile(r"\(\?[imsU]*(?:-[imsU]*)?")
_FLAG_NAMES = {"i": "fold", "m": "multiline", "s": "dot_all", "U": "lazy"}
_ANCHORS = {"A": r"(?:\A)", "z": r"(?:\Z)", "b": r"(?:(?a:\b))", "B": r"(?!(?a:\b))"}
_CONTROL = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(
    r"\\(?:(?P<octal>0[0-7]{0,2}|[1-7][0-7]{1,2})|x(?P<hex>[0-9A-Fa-f]{2})|x\{(?P<braced>[0-9A-Fa-f]+)\}"
    r"|(?P<plain>[afnrtv]|[^\x80-\U0010ffffA-Za-z0-9]))"
)
_ESCAPE_END = re.compile(r"\\(?:x\{[0-9A-Fa-f]*.?|x.{0,2}|.)", re.DOTALL)
_UNICODE_CLASS = re.compile(r"\\(?P<sign>[pP])(?:\{(?P<name>[^}]*)\}|(?P<letter>[^{]))", re.DOTALL)
_POSIX_CLASS = re.compile(r"\[:(?P<not>\^)?(?P<name>.*?):\]", re.DOTALL)
_POSIX_CLASSES = {
    "alnum": _ranges("09AZaz"),
    "alpha": _ranges("AZaz"),
    "ascii": _ranges("\x00\x7f"),
    "blank": _ranges("\t\t  "),
    "cntrl": _ranges("\x00\x1f\x7f\x7f"),
    "digit": _ranges("09"),
    "graph": _ranges("!~"),
    "lower": _ranges("az"),
    "print": _ranges(" ~"),
    "punct": _ranges("!/:@[`{~"),
    "space": _ranges("\t\r  "),
    "upper": _ranges("AZ"),
    "word": _ranges("09AZaz__"),
    "xdigit": _ranges("09AFaf"),
}
_PERL_CLASSES = {
    "\\d": _POSIX_CLASSES["digit"],
    "\\s": _ranges("\t\n\f\r  "),
    "\\w": _POSIX_CLASSES["word"],
}
_PERL_CLASSES |= {name.upper(): negate(ranges) for name, ranges in _PERL_CLASSES.items()}
