"""Kernels of packing read and write nothing beyond what they were given, whatever they are given to read."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import random
from collections.abc import Iterator

import numpy as np
import pytest

from services.lineprotocol.packing import packing, scratch, text
from services.lineprotocol.packing.kernel import pack
from services.lineprotocol.packing.packing import Packing
from services.lineprotocol.packing.scratch import Words, address
from services.lineprotocol.packing.text import text_of
from services.lineprotocol.validate import check
from tests.unit.services.lineprotocol.test_bounds import BODIES

_PAGE, _NO_ACCESS = mmap.PAGESIZE, 0
_TELEGRAF = b"".join(
    b'disk,host=h%d,path=C:\\\\a used=%di,free=%d.%03d,mode="r w",big=97.7168949771%d,on=true %d\n'
    % (i % 7, i, i * i, i % 1000, i, 10**18 + i // 3)
    for i in range(40)
)
_SHAPES = b"".join(b"m,a=%d %b\n" % (i, b",".join(b"f%d=%d" % (j, i) for j in range(i % 3 + 1))) for i in range(150))
_DENSE = b"m f=1\n" * 200 + b"m a=1,b=2,c=3,d=4\n" * 40


class _Room:
    """Memory between two pages that nothing may touch; it ends where the second begins."""

    def __init__(self) -> None:
        self._held: list[mmap.mmap] = []

    def words(self, count: int) -> Words:
        size = -(-count * 8 // _PAGE) * _PAGE
        memory = mmap.mmap(-1, size + 2 * _PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        for page in (base, base + _PAGE + size):
            assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), ctypes.c_size_t(_PAGE), _NO_ACCESS) == 0
        self._held.append(memory)
        return np.frombuffer(memory, dtype=np.int64, count=count, offset=_PAGE + size - count * 8)

    def address_of(self, body: bytes) -> int:
        array = self.words(-(-len(body) // 8)).view(np.uint8)
        array[len(array) - len(body) :] = np.frombuffer(body, dtype=np.uint8)
        return address(array) + len(array) - len(body)

    def free(self) -> None:
        """Forget all."""
        self._held.clear()


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Room]:
    room = _Room()
    for module in (scratch, text):
        monkeypatch.setattr(module, "room", room.words)
    for other in (packing, text):
        monkeypatch.setattr(other, "address_of", room.address_of)
    monkeypatch.setattr(packing, "_LEAST_SCRATCH", 0)
    monkeypatch.setattr(packing, "WORTH_PACKING", 1e6)
    yield room


@pytest.mark.parametrize("body", [*BODIES, _TELEGRAF, _SHAPES, _DENSE], ids=range(len(BODIES) + 3))
def test_odd_bodies(room: _Room, body: bytes) -> None:
    for times in (1, 20):
        _try(b"\n".join([body] * times))
        room.free()


def test_bodies_with_a_few_bytes_changed(room: _Room) -> None:
    dice = random.Random(7)
    for _ in range(400):
        _try(_changed(dice, dice.choice([_TELEGRAF, _SHAPES, _DENSE]), b'\\",= \n-.0i\t\0#'))
        room.free()


def test_packed_bodies_with_a_few_bytes_changed(room: _Room) -> None:
    dice = random.Random(8)
    packed = [made for body in (_TELEGRAF, _SHAPES) if (made := Packing(pack).pack(body, "n"))]
    assert len(packed) == 2
    for _ in range(1500):
        changed = _changed(dice, dice.choice(packed)[: dice.choice([None, None, -1])], b"\0\1\2\4\x08\x7f\x80\xff")
        with contextlib.suppress(ValueError):
            text_of(changed, 1 << 16)
        room.free()


def _try(body: bytes) -> None:
    made = Packing(pack).pack(body, "n")
    assert made is None or check(body, "n") is None
    if made:
        assert text_of(made) == (body[:-1] if body.endswith(b"\n") else body)


def _changed(dice: random.Random, body: bytes, by: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(dice.choice([1, 1, 2, 4])):
        at = dice.randrange(len(changed) or 1)
        if dice.random() < 0.3:
            del changed[at : at + dice.randrange(9)]
        else:
            changed[at : at + dice.choice([0, 1])] = bytes([dice.choice(by)]) * dice.choice([1, 1, 1, 3])
    return bytes(changed)
