"""Whether a whole body is valid line protocol, and if not, what the reference says of it."""

from __future__ import annotations

from collections.abc import Callable

from services.kernels.primitives import address_of
from services.lineprotocol import reference_parser
from services.lineprotocol.fast_path import MOST, plain_until
from services.lineprotocol.reference_parser import MAX_KEY_LENGTH, MAX_TIME
from services.lineprotocol.scanning import PAD
from services.lineprotocol.text import decode

_LEAST = 512
"""Bytes that are looked at at once behind a line that was not plain: where many are not, few are read twice."""
WORTH_A_KERNEL = 4096
"""Bytes from which on a kernel is called: what it takes to call it is little beside."""


class Checking:
    """By what bodies are checked.

    plain_lines: services.lineprotocol.checking.plain_lines, once it is compiled; RE2 alone does all till then.
    """

    def __init__(self) -> None:
        self.plain_lines: Callable[[int, int, int, int, int], int] | None = None
        self._bytes = self._next = 0
        self._then: Callable[[], object] | None = None

    def after(self, count: int, then: Callable[[], object]) -> None:
        """Call `then`, in any thread, when so many further bytes were checked in bodies that are worth a kernel."""
        self._next, self._then = self._bytes + count, then

    def never(self, then: Callable[[], object]) -> None:
        """Do not call it any more."""
        if self._then is then:
            self._then = None

    def count(self, size: int) -> None:
        """A body of so many bytes is checked."""
        if size < WORTH_A_KERNEL:
            return
        self._bytes += size
        if self._bytes >= self._next and (then := self._then) is not None:
            self._then = None
            then()


CHECKING = Checking()
"""Of this process."""


def check(body: bytes, precision: str) -> str | None:
    """None if every line is valid, else one line of text per bad line, joined by newlines, as the reference answers.

    precision: n, u, ms, s, m or h; any other counts as n. Bytes that are not UTF-8 are U+FFFD in the text.
    """
    unit = reference_parser.multiplier(precision)
    errors = []
    at, size, most = 0, len(body), MOST
    CHECKING.count(size)
    while at < size:
        if (end := _compiled_until(body, at, unit)) > at:
            at, most = end, _LEAST
        if (end := plain_until(body, at, most, unit)) > at:
            most = min(2 * most, MOST)
        else:
            most = _LEAST
            end = min(reference_parser.line_end(body, at) + 1, size)
            if (error := check_each_line(body[at:end], unit)) is not None:
                errors.append(error)
        at = end
    return "\n".join(errors) if errors else None


def check_each_line(body: bytes, unit: int) -> str | None:
    """The same, a line at a time. `unit`: ns of one unit of the timestamps."""
    errors = []
    for line in reference_parser.lines(body):
        try:
            reference_parser.parse(line, unit)
        except reference_parser.LineError as error:
            errors.append(f"unable to parse '{decode(line)}': {error}")
    return "\n".join(errors) if errors else None


def _compiled_until(body: bytes, start: int, unit: int) -> int:
    """Where the lines end that begin at `start` and are plain to the kernel; `start` where it is not asked."""
    if CHECKING.plain_lines is None or len(body) - start < WORTH_A_KERNEL:
        return start
    end = body.rfind(b"\n", start, -PAD) + 1  # it reads so far behind what it is to look at
    if end <= start:
        return start
    return CHECKING.plain_lines(address_of(body), start, end, MAX_TIME // unit, MAX_KEY_LENGTH)
