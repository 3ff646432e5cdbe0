"""Quoted texts as Go's strconv writes and reads them (Quote, Unquote, the verb %q).

A Go string is bytes. Here it is a str whose undecodable bytes are the surrogates of Python's surrogateescape.
"""

from __future__ import annotations

import re

_SHORT_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}
_UNESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}


def quote(text: str, mark: str = '"', ascii_only: bool = False) -> str:
    """The text as a Go literal in the given quotes, with what is not printable escaped.

    Printable is to strconv.IsPrint what it is to str.isprintable: letters, marks, numbers, punctuation, symbols and
    the ASCII blank.
    """
    if text.isprintable() and mark not in text and "\\" not in text and (text.isascii() or not ascii_only):
        return f"{mark}{text}{mark}"
    out = [mark]
    for char in text:
        code = ord(char)
        if char == mark or char == "\\":
            out.append("\\" + char)
        elif 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif char.isprintable() and not (ascii_only and code > 0x7E):
            out.append(char)
        elif char in _SHORT_ESCAPES:
            out.append(_SHORT_ESCAPES[char])
        elif code < 0x20 or code == 0x7F:
            out.append(f"\\x{code:02x}")
        elif code < 0x10000:
            out.append(f"\\u{code:04x}")
        else:
            out.append(f"\\U{code:08x}")
    out.append(mark)
    return "".join(out)


def unquote(literal: str) -> str:
    """The text of a quoted Go literal (", ' or `); ValueError "invalid syntax" where it is none."""
    mark = literal[0]
    body = literal[1:-1]
    if mark == "`":
        return body.replace("\r", "")
    if "\\" not in body and mark == '"':
        return body
    out = bytearray()
    at = 0
    while at < len(body):
        if body[at] != "\\":
            out += body[at].encode("utf-8", "surrogateescape")
            at += 1
            continue
        piece, at = _unescape(body, at + 1, mark)
        out += piece
    return out.decode("utf-8", "surrogateescape")


def _unescape(body: str, at: int, mark: str) -> tuple[bytes, int]:
    char = body[at : at + 1]
    if char in _UNESCAPES and char:
        return _UNESCAPES[char].encode(), at + 1
    if char and char in "'\"":
        if char != mark:
            raise ValueError("invalid syntax")
        return char.encode(), at + 1
    if char and char in "xuU":
        width = {"x": 2, "u": 4, "U": 8}[char]
        digits = body[at + 1 : at + 1 + width]
        if not re.fullmatch(f"[0-9a-fA-F]{{{width}}}", digits):
            raise ValueError("invalid syntax")
        code = int(digits, 16)
        if char == "x" and mark == '"':
            return bytes([code]), at + 1 + width
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ValueError("invalid syntax")
        return chr(code).encode(), at + 1 + width
    digits = body[at : at + 3]
    if not re.fullmatch("[0-7]{3}", digits) or int(digits, 8) > 255:
        raise ValueError("invalid syntax")
    return (bytes([int(digits, 8)]) if mark == '"' else chr(int(digits, 8)).encode()), at + 3
