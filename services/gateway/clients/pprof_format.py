"""Profiles in the formats of pprof, which `go tool pprof`, speedscope and others open."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence

Frame = Sequence[object]
"""[function, file, line]"""

Sample = tuple[Sequence[Frame], Sequence[int]]
"""Frames, outermost first, and a number for each kind of value."""


def encode(kinds: Sequence[tuple[str, str]], samples: Iterable[Sample], seconds: float = 0.0) -> bytes:
    """A gzipped profile. kinds: name and unit of each value: [("samples", "count"), ("cpu", "nanoseconds")]."""
    return gzip.compress(_Profile().encode(kinds, samples, seconds))


def counted(name: str, samples: Sequence[Sample]) -> str:
    """Go's text of a profile that counts: how many are at each stack, innermost frame first."""
    places = _Places()
    total = sum(values[0] for _, values in samples)
    blocks = [f"{values[0]} {places.lines(frames)}\n" for frames, values in samples]
    return f"{name} profile: total {total}\n" + "".join(blocks)


def contended(samples: Sequence[Sample], heading: str) -> str:
    """Go's text of a profile of waits; each sample's values are waits and ns. heading: contention or mutex."""
    places = _Places()
    blocks = [f"{ns} {count} {places.lines(frames)}" for frames, (count, ns) in samples]
    sampled = "sampling period=1\n" if heading == "mutex" else ""
    return f"--- {heading}:\ncycles/second={10**9}\n{sampled}" + "".join(blocks)


class _Places:
    """Addresses for frames, which Go's texts cannot do without: numbers as they come."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[object, ...], int] = {}

    def lines(self, frames: Sequence[Frame]) -> str:
        """A stack's addresses, and below them what is there."""
        inward = [tuple(frame) for frame in reversed(frames)]
        numbers = [self._numbers.setdefault(frame, len(self._numbers) + 1) for frame in inward]
        named = (
            f"#\t{n:#x}\t{name}+0x0\t{file}:{line}\n" for n, (name, file, line) in zip(numbers, inward, strict=True)
        )
        return "@ " + " ".join(f"{n:#x}" for n in numbers) + "\n" + "".join(named)


class _Profile:
    def __init__(self) -> None:
        self._texts: dict[str, int] = {"": 0}
        self._functions: dict[tuple[int, int], int] = {}
        self._locations: dict[tuple[int, int], int] = {}

    def encode(self, kinds: Sequence[tuple[str, str]], samples: Iterable[Sample], seconds: float) -> bytes:
        # The numbers are those of pprof's profile.proto.
        out = [_message(1, _number(1, self._text(name)) + _number(2, self._text(unit))) for name, unit in kinds]
        for frames, values in samples:
            places = [self._location(frame) for frame in reversed(frames)]
            out.append(_message(2, _packed(1, places) + _packed(2, values)))
        for (function, line), number in self._locations.items():
            out.append(_message(4, _number(1, number) + _message(4, _number(1, function) + _number(2, line))))
        for (name, file), number in self._functions.items():
            out.append(_message(5, _number(1, number) + _number(2, name) + _number(3, name) + _number(4, file)))
        out += [_message(6, text.encode("utf-8", "replace")) for text in self._texts]
        out.append(_number(10, round(seconds * 1e9)))
        return b"".join(out)

    def _location(self, frame: Frame) -> int:
        name, file, line = str(frame[0]), str(frame[1]), int(str(frame[2]))
        names = (self._text(name), self._text(file))
        function = self._functions.setdefault(names, len(self._functions) + 1)
        return self._locations.setdefault((function, line), len(self._locations) + 1)

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _packed(field: int, values: Iterable[int]) -> bytes:
    return _message(field, b"".join(map(_varint, values)))
