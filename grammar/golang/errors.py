"""What Go's functions return as errors."""

from __future__ import annotations

from typing import Final

MOST_TEXT: Final = 8 << 20
"""Characters, of what a template gives and of every text on the way."""


class CallError(Exception):
    """A function or a method of Go's refuses what it is given. A template adds the place of the call."""


def too_long() -> CallError:
    """Why a function, or a template, gives nothing. Go has no such bound."""
    return CallError(f"text of more than {MOST_TEXT} characters")
