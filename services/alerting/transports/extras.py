"""Libraries that only extras of tickbus bring."""

from __future__ import annotations

import importlib.util


def need(library: str, extra: str) -> None:
    """ValueError where a library is not there that only this extra brings."""
    if importlib.util.find_spec(library) is None:
        raise ValueError(f"{library} is not installed: pip install 'tickbus[{extra}]'")
