"""How long texts may get: a few nested calls of a lambda could make one that fills the memory out of a short one."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from services.columns.column import BoolArray
from services.expressions.typed.signatures import Checked
from services.expressions.typed.types import EvaluationFailed, TooMuch

MOST_TEXT: Final = 1 << 20
"""Characters of one text that a lambda makes."""

MOST_TEXTS: Final = 1 << 28
"""Characters of all texts that one operation or one template makes of the rows that it is given."""


def fits(size: int) -> None:
    """Raises EvaluationFailed where a text of so many characters would be too long."""
    if size > MOST_TEXT:
        raise EvaluationFailed(f"text of more than {MOST_TEXT} characters")


def joined(a: str, b: str) -> str:
    """a + b. Raises EvaluationFailed where it would be too long."""
    fits(len(a) + len(b))
    return a + b


def all_joined(a: Any, b: Any) -> Checked:
    """a + b over rows, one of both perhaps a constant. Where it would be too long the row fails."""
    n = len(a) if isinstance(a, np.ndarray) else len(b)
    sizes = _sizes(a) + _sizes(b)
    if not isinstance(sizes, np.ndarray):
        sizes = np.full(n, sizes)
    bad: BoolArray = sizes > MOST_TEXT
    if not bad.any():
        bounded(int(sizes.sum()))
        return operator.add(a, b), None
    out = np.full(n, "", dtype=np.object_)
    good = np.flatnonzero(~bad)
    bounded(int(sizes[good].sum()))
    out[good] = operator.add(*(x[good] if isinstance(x, np.ndarray) else x for x in (a, b)))
    return out, bad


def bounded(size: int) -> None:
    """Raises TooMuch where one operation would make so many characters."""
    if size > MOST_TEXTS:
        raise TooMuch(f"it makes texts of more than {MOST_TEXTS} characters at once")


def gathered(texts: Iterable[str]) -> list[str]:
    """The texts that are made one after another. Raises TooMuch where they become too long together."""
    found: list[str] = []
    size = 0
    for text in texts:
        size += len(text)
        bounded(size)
        found.append(text)
    return found


def _sizes(texts: Any) -> Any:
    if isinstance(texts, str):
        return len(texts)
    return np.fromiter(map(len, texts.tolist()), dtype=np.int64, count=len(texts))
