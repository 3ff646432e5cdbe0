"""Bodies packed, by a kernel that is given."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Final

from services.kernels.primitives import address_of
from services.lineprotocol.packing.layout import LEAST_LINE, MOST_LINES, MOST_TEXT
from services.lineprotocol.packing.scratch import Scratch
from services.lineprotocol.reference_parser import MAX_KEY_LENGTH, MAX_TIME, multiplier
from services.lineprotocol.scanning import MOST_BYTES, PAD

Kernel = Callable[[int, int, int, int, int, int, int], int]
"""services.lineprotocol.packing.kernel.pack"""

WORTH_PACKING: Final = 0.67
"""Of its text a packed body may take so much; else it stays text."""
_LEAST_SCRATCH, _MOST_KEPT = 1 << 20, 2 << 20  # bytes of bodies


class Packing:
    """Packs one body after another, in any threads. Holds memory for bodies of the usual sizes."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._seed = secrets.randbits(64)
        self._free: list[Scratch] = []

    def pack(self, body: bytes, precision: str, packed: bool = True) -> bytes | None:
        """The body packed, all of whose lines are valid; b"" where they are, but nothing or little would be gained;
        None where one is not, or is written in an unusual way.

        precision: n, u, ms, s, m or h; any other counts as n. packed: whether it is wanted at all.
        """
        size = len(body)
        if size > MOST_BYTES:
            return None
        until = body.rfind(b"\n", 0, max(size - PAD, 0)) + 1
        rest = body[until:] if body.endswith(b"\n") else body[until:] + b"\n"
        end = until + len(rest)
        rest += bytes(PAD)
        scratch = self._scratch(size)
        scratch.begin(int(size * WORTH_PACKING) if packed and _may_be_packed(body) else 0)
        made = self._kernel(
            address_of(body),
            until,
            address_of(rest) - until,
            end,
            MAX_TIME // multiplier(precision),
            MAX_KEY_LENGTH,
            scratch.state,
        )
        found = None if made < 0 else scratch.made(made)
        if scratch.size <= _MOST_KEPT:
            self._free.append(scratch)
        return found

    def _scratch(self, size: int) -> Scratch:
        try:
            scratch = self._free.pop()
        except IndexError:
            return Scratch(max(size, _LEAST_SCRATCH), self._seed)
        return scratch if scratch.size >= size else Scratch(size, self._seed)


def _may_be_packed(body: bytes) -> bool:
    size = len(body)
    return size <= MOST_LINES * LEAST_LINE or (size <= MOST_TEXT and body.count(b"\n") < MOST_LINES)
