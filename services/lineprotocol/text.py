"""Bytes of a body as text."""

from __future__ import annotations

import codecs
from typing import Final

REPLACED: Final = "\ufffd"


def decode(raw: bytes) -> str:
    """UTF-8 text; each byte that is not part of valid UTF-8 becomes one U+FFFD.

    That is how the reference shows such bytes in its JSON. Lone surrogates are avoided because neither JSON nor
    UTF-8 can be written from them; the price is that two keys which differ only in invalid bytes are one.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(errors="tickbus.each_byte")


def _each_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return REPLACED, error.start + 1


codecs.register_error("tickbus.each_byte", _each_byte)
