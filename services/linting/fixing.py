"""What a script looks like in canonical form."""

from __future__ import annotations

from grammar.tickscript.ast import TickscriptError
from grammar.tickscript.formatter import format_script


def fixed(text: str) -> str:
    """The script as TICKscript is laid out; the same text where it cannot be read."""
    try:
        return format_script(text)
    except TickscriptError:
        return text
