"""Snapshots: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from services.store import snapshots
from services.store.snapshots import Snapshot, Snapshots
from services.store.store import Store


def test_snapshots_are_kept_and_dropped(tmp_path: Path) -> None:
    state = os.urandom(3_000_000)
    with Store.open(tmp_path / "s", "engine") as store:
        kept = Snapshots(store)
        assert kept.load("a") is None
        kept.save("a", 5, b"old")
        kept.save("a", 7, state, {"script": "hash", "n": 1})
        kept.save_all([("b" * 2000, Snapshot(8, b"")), ("c", Snapshot(9, b"x", {"k": [1]}))])
    with Store.open(tmp_path / "s", "engine") as store:
        kept = Snapshots(store)
        assert kept.load("a") == Snapshot(7, state, {"script": "hash", "n": 1})
        assert kept.load("b" * 2000) == Snapshot(8, b"") and kept.load("c") == Snapshot(9, b"x", {"k": [1]})
        assert kept.keys() == ["a", "b" * 2000, "c"]
        kept.drop("a", "never")
        assert kept.keys() == ["b" * 2000, "c"]


def test_one_that_is_not_whole_does_not_come_back(tmp_path: Path) -> None:
    whole = snapshots.to_bytes(Snapshot(5, bytes(1000), {"a": 1}))
    with Store.open(tmp_path / "s", "engine") as store:
        kept = Snapshots(store)
        for at in (0, 17, 30, len(whole) - 1):
            damaged = bytearray(whole)
            damaged[at] ^= 1
            for data in (bytes(damaged), whole[:-1], whole + b"x", b""):
                with store.write() as tx:
                    tx.put("snapshots", "a", data)
                assert kept.load("a") is None and kept.keys() == []
