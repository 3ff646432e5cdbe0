"""Large bodies checked and packed, by a kernel as soon as there is one."""

from __future__ import annotations

from collections.abc import Callable

from services.gateway.http.writing.off_loop import off_loop
from services.lineprotocol.packing.packing import Kernel, Packing

_WORTH_A_KERNEL = 16 << 10
"""Bytes of a body from which on that is faster than RE2, and a packed one costs less wherever it goes."""


class Packer:
    """Reads bodies by a kernel once it is given one; till then it knows nothing of them."""

    def __init__(self, packs: bool) -> None:
        """packs: whether bodies may be packed."""
        self._packs = packs
        self._packing: Packing | None = None
        self._bytes = self._next = 0
        self._then: Callable[[], object] | None = None

    def use(self, kernel: Kernel) -> None:
        """Read bodies by it from now on."""
        self._packing = Packing(kernel)

    async def read(self, body: bytes, precision: str) -> bytes | None:
        """A body packed; b"" where all its lines are valid and it is to stay as it is; None where that is not known."""
        size = len(body)
        if size < _WORTH_A_KERNEL:
            return None
        self._bytes += size
        if self._bytes >= self._next and (then := self._then) is not None:
            self._then = None
            then()
        if self._packing is None:
            return None
        return await off_loop(self._packing.pack, body, precision, self._packs)

    def after(self, count: int, then: Callable[[], object]) -> None:
        """Call `then` when so many further bytes have come in bodies that are worth a kernel."""
        self._next, self._then = self._bytes + count, then

    def never(self, then: Callable[[], object]) -> None:
        """Do not call it any more."""
        if self._then is then:
            self._then = None
