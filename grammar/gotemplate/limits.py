"""How long the texts of templates may get: a few lines of printf can double a text until it fills the memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from grammar.golang.errors import MOST_TEXT, too_long


def bounded(function: Callable[..., str]) -> Callable[..., str]:
    """A function that gives a text, refusing to give one that is too long, or to make one of texts that are."""

    @functools.wraps(function)
    def call(*args: Any) -> str:
        size = 0
        for arg in args:
            if arg.__class__ is str:
                size += len(arg)
        if size > MOST_TEXT or len(text := function(*args)) > MOST_TEXT:
            raise too_long()
        return text

    return call


class Writer:
    """Takes the pieces of a template's text, as long as they are not too much."""

    __slots__ = ("_parts", "_size")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def write(self, text: str) -> None:
        """Put a piece behind the others. CallError where there are too many."""
        self._size += len(text)
        if self._size > MOST_TEXT:
            raise too_long()
        self._parts.append(text)

    def text(self) -> str:
        """All pieces together."""
        return "".join(self._parts)
