"""What several nodes and tasks use together."""

from __future__ import annotations


class Shared:
    """Base of what nodes know but do not keep: none of them is charged with its memory (services.runtime.footprint)."""

    __slots__ = ()
