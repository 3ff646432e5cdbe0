"""A rule: its name, how bad what it finds is, and how it looks for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from services.linting.finding import Found, Severity
from services.linting.subject import Subject


@dataclass(frozen=True, slots=True)
class Rule:
    """The docstring of `check` is the rule's documentation, its first paragraph what lists of rules have."""

    name: str
    severity: Severity
    check: Callable[[Subject], Iterable[Found]]

    @property
    def doc(self) -> str:
        """All that is to be known of the rule."""
        return inspect.cleandoc(self.check.__doc__ or "")

    @property
    def about(self) -> str:
        """What it finds, in a line."""
        return " ".join(self.doc.partition("\n\n")[0].split())
