"""What an input is to the gateway."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

Statistic = tuple[str, dict[str, str], dict[str, int]]
"""Name, tags and values, as GET /debug/vars has them."""


class Input(Protocol):
    """Takes points from somewhere."""

    async def start(self) -> None:
        """Begin. Raises OSError where an address or a file cannot be had."""

    async def stop(self, timeout: float) -> None:
        """End; what was taken has so many seconds to be stored."""

    def statistic(self) -> Statistic:
        """What it has counted since it began."""


@runtime_checkable
class Reloading(Protocol):
    """An input that uses files which may change while it runs."""

    def reload(self) -> None:
        """Read them anew; files that cannot be used change nothing."""
