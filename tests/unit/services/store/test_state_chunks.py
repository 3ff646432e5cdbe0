"""State in chunks: taken at once, written later, read again as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.store import state_chunks
from services.store.codec import Fixed, Later, pack, unpack
from tests.support.graph import MemoryChunks


def _again(value: Any, chunks: MemoryChunks) -> Any:
    return state_chunks.built(state_chunks.take(value).keep(chunks), chunks.kept.__getitem__)


def test_what_was_taken_does_not_change_any_more() -> None:
    numbers, texts, plain = np.arange(100_000), np.array(["a"] * 1000, dtype=np.object_), {"a": [1, (2, "x")]}
    taken = state_chunks.take({"numbers": numbers, "texts": texts, "plain": plain, "part": numbers[10:20_000:3]})
    numbers[:] = 0
    texts[:] = "b"
    plain["a"] = []
    chunks = MemoryChunks()
    manifest = unpack(pack(taken.keep(chunks)))
    found = state_chunks.built(manifest, chunks.kept.__getitem__)
    assert (found["numbers"] == np.arange(100_000)).all() and found["numbers"].flags.writeable
    assert found["texts"].tolist() == ["a"] * 1000
    assert found["plain"] == {"a": [1, (2, "x")]}
    assert (found["part"] == np.arange(100_000)[10:20_000:3]).all()
    assert set(state_chunks.digests(manifest)) == set(chunks.kept)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.arange(60_000, dtype=np.int32).reshape(3, -1),
        np.zeros(70_000, dtype=np.bool_),
        np.array([None, "x", 1.5, 2**70] * 2000, dtype=np.object_),
    ],
)
def test_arrays_of_all_kinds(array: Any) -> None:
    for value in (array, Fixed(array), Later(lambda: array)):
        found = _again([value, "behind"], MemoryChunks())
        assert found[0].dtype == array.dtype and found[0].shape == array.shape
        assert found[0].tolist() == array.tolist()
        assert unpack(pack(value)).tolist() == array.tolist()


def test_only_what_has_changed_is_new() -> None:
    chunks = MemoryChunks()
    numbers, text = np.arange(1_000_000), "x" * 100_000
    made = []

    def make() -> Any:
        made.append(1)
        return np.ones(10_000)

    later, fixed = Later(make), Fixed(np.arange(50_000))
    _again([numbers, text, later, fixed], chunks)
    before = set(chunks.kept)
    numbers[500_000] = -1
    found = _again([numbers, text, later, fixed], chunks)
    assert len(set(chunks.kept) - before) == 1
    assert found[0][500_000] == -1 and found[1] == text and len(made) == 1
    # what has been forgotten meanwhile is made again
    chunks.kept.clear()
    assert _again([later, fixed], chunks)[0].sum() == 10_000
    assert len(made) == 2


def test_what_is_missing_or_damaged_is_an_error() -> None:
    chunks = MemoryChunks()
    manifest = state_chunks.take([np.arange(100_000), Later(lambda: "x" * 100_000)]).keep(chunks)

    def gone(digest: bytes) -> bytes:
        raise ValueError("gone")

    with pytest.raises(ValueError):
        state_chunks.built(manifest, gone)
    with pytest.raises(ValueError):
        state_chunks.built(manifest, lambda digest: chunks.kept[digest][:-8])
    for damaged in ([], [b"", [[0, None, []]]], [1, 2], [b"\xc1", []]):
        with pytest.raises(ValueError):
            state_chunks.built(damaged, chunks.kept.__getitem__)
    with pytest.raises(TypeError):
        state_chunks.take(object())


def test_a_part_of_an_unknown_kind_is_not_taken_for_another() -> None:
    chunks = MemoryChunks()
    body, [leaf] = state_chunks.take(np.arange(60_000)).keep(chunks)
    _, head, content = leaf
    for kind, of in ((4, head), (4, 16), (3, 99)):
        with pytest.raises(ValueError):
            state_chunks.built([body, [[kind, of, content]]], chunks.kept.__getitem__)
