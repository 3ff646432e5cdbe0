"""Something that is known of each series of a table, as an array by number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from services.columns.segments import grown
from services.columns.shared import Shared

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class _Table(Protocol[S_co]):
    def __len__(self) -> int: ...
    def listed(self, begin: int, end: int) -> Sequence[S_co | None]: ...


class PerSeries(Generic[S], Shared):
    """Worked out once for each series, and again for one that gets the number of another. Made by a SeriesTable."""

    def __init__(self, table: _Table[S], dtype: DTypeLike, make: Callable[[S], Any]) -> None:
        """make: the value of a series."""
        self._table, self._make = table, make
        self._values: NDArray[Any] = np.empty(0, dtype=dtype)
        self._filled = 0
        self._anew: list[int] = []

    def values(self) -> NDArray[Any]:
        """By number, for all that there are; there may be more rows behind them. That of a free number says nothing.

        It changes with the table: who keeps it is to keep a copy.
        """
        have, n = self._filled, len(self._table)
        if have < n:
            self._values = grown(self._values, n)
            make = self._make
            self._values[have:n] = [0 if one is None else make(one) for one in self._table.listed(have, n)]
            self._filled = n
        if self._anew:
            anew, self._anew = self._anew, []
            for number in anew:
                (one,) = self._table.listed(number, number + 1)
                self._values[number] = 0 if one is None else self._make(one)
        return self._values

    def take_up(self, values: NDArray[Any]) -> None:
        """These are the values of all series that there are."""
        self._values, self._filled = values, len(values)

    def renumbered(self, number: int) -> None:
        """A number stands for another series from here on."""
        if number < self._filled:
            self._anew.append(number)
