"""Chunks in a store: once each, and for as long as something names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.store import chunk_store as module
from services.store.chunk_store import ChunkStore, Stopped
from services.store.errors import StoreError
from services.store.state_chunks import StateChunk, digest_of
from services.store.store import Store

ONE, TWO = b"one" * 100, b"two" * 100


def _keep(chunk_store: ChunkStore, data: bytes) -> bytes:
    return chunk_store.keep(StateChunk(lambda: data))


def _stored(store: Store) -> set[bytes]:
    return {value for _, value in store.items("pieces")}


def test_chunks_live_as_long_as_they_are_named(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "test", durable=False) as store:
        chunk_store = ChunkStore(store)
        one, two = _keep(chunk_store, ONE), _keep(chunk_store, TWO)
        assert _keep(chunk_store, ONE) == one == digest_of(ONE)
        assert not _stored(store)
        chunk_store.flush()
        assert _stored(store) == {ONE, TWO}
        chunk_store.name([one, two])
        chunk_store.name([one])
        chunk_store.unname([one, two])
        chunk_store.sweep()
        assert _stored(store) == {ONE}
        assert chunk_store.has(one) and not chunk_store.has(two)
        assert chunk_store.get(one) == ONE
        with pytest.raises(ValueError, match="missing"):
            chunk_store.get(two)
        # as another process finds it; what nothing names there goes
        again = ChunkStore(store)
        assert again.has(one)
        again.sweep()
        assert not _stored(store)


def test_what_is_known_is_not_made_again(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", "test", durable=False) as store:
        chunk_store = ChunkStore(store)
        made = []

        def make() -> bytes:
            made.append(1)
            return ONE

        chunk = StateChunk(make)
        for _ in range(3):
            chunk_store.keep(chunk)
        assert len(made) == 1
        chunk_store.flush()
        chunk_store.sweep()
        chunk_store.keep(chunk)
        assert len(made) == 2


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WRITE_BYTES", 1)
    with Store.open(tmp_path / "s", "test", durable=False) as store:
        chunk_store = ChunkStore(store)
        _keep(chunk_store, ONE)  # written at once, and then not named since the rest fails
        with monkeypatch.context() as patch:
            patch.setattr(store, "write", lambda: (_ for _ in ()).throw(StoreError("no room")))
            with pytest.raises(StoreError):
                _keep(chunk_store, TWO)
        assert not chunk_store.has(digest_of(TWO))
        chunk_store.sweep()
        assert not _stored(store)
        _keep(chunk_store, TWO)
        assert _stored(store) == {TWO}
        chunk_store.stop()
        with pytest.raises(Stopped):
            _keep(chunk_store, ONE)
