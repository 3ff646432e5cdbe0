"""Lines of packed bodies as they were written: where a few are wanted, for what few cost."""

from __future__ import annotations

import numpy as np

from services.columns.column import IntArray
from services.lineprotocol.packing.layout import INTEGER, NUMBER, Field, read


class PackedText:
    """A packed body, as text by lines. n: how many it has."""

    def __init__(self, body: bytes, most: int) -> None:
        """most: bytes of text that it may stand for. Raises ValueError where it is none, or stands for more."""
        self._packed = packed = read(body, most)
        self.n = packed.n
        self.keys = [body[begin:end] for begin, end in packed.keys.tolist()]
        """Measurement and tags as written, each told once."""
        self._texts = [body[begin:end] for begin, end in packed.texts.tolist()]

    def rows_of(self, keys: list[bool]) -> IntArray:
        """The numbers of the lines of some of the keys, ascending."""
        return np.flatnonzero(np.array(keys, dtype=np.bool_)[self._packed.key])

    def lines(self, asked: IntArray) -> list[bytes]:
        """Some lines by their numbers."""
        packed = self._packed
        shape = np.zeros(self.n, dtype=np.int32) if packed.shape is None else packed.shape
        place = np.empty(self.n, dtype=np.int64)
        order = np.argsort(shape, kind="stable")
        of = np.bincount(shape, minlength=len(packed.fields))
        place[order] = np.arange(self.n) - np.repeat(np.cumsum(of) - of, of)
        found: dict[int, bytes] = {}
        for number in np.unique(shape[asked]).tolist():
            its = asked[shape[asked] == number]
            columns = [self._written(field, place[its]) for field in packed.fields[number]]
            found.update(zip(its.tolist(), map(b",".join, zip(*columns, strict=True)), strict=True))
        times = [b""] * len(asked)
        if len(packed.times):
            runs = np.searchsorted(np.cumsum(packed.repeats), asked, "right")
            times = [b" %d" % time for time in packed.times[runs].tolist()]
        keys = packed.key[asked].tolist()
        told = zip(keys, asked.tolist(), times, strict=True)
        return [b"%b %b%b" % (self.keys[key], found[row], time) for key, row, time in told]

    def _written(self, field: Field, places: IntArray) -> list[bytes]:
        name = self._packed.names[field.name]
        values = field.values.all()[places].tolist()
        if field.kind == INTEGER:
            return [b"%b=%di" % (name, value) for value in values]
        if field.kind == NUMBER:
            decimals = field.decimals.all()[places].tolist()
            return [b"%b=%b" % (name, _number(*pair)) for pair in zip(values, decimals, strict=True)]
        return [b"%b=%b" % (name, self._texts[value]) for value in values]


def _number(value: int, decimals: int) -> bytes:
    if not decimals:
        return b"%d" % value
    digits = b"%0*d" % (decimals + 1, abs(value))
    return (b"-" if value < 0 else b"") + digits[:-decimals] + b"." + digits[-decimals:]
