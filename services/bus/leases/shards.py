"""Which shard a task belongs to, and which worker a shard should be with."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable


def shard_of(task: str, shards: int) -> int:
    """The shard of a task id: 0 … shards-1. Fixed for ever, since leases and checkpoints are kept by shard.

    The id of a part of a task (services.store.folds.layouts) says it behind its last dot.
    """
    if "/" in task:
        return int(task.rpartition(".")[2]) % shards
    return zlib.crc32(task.encode("utf-8", "surrogatepass")) % shards


def owner_of(shard: int, workers: Iterable[str]) -> str | None:
    """The worker that a shard should be with: rendezvous hashing, so that a change of workers moves few shards."""
    return max(workers, key=lambda worker: _weight(shard, worker), default=None)


def _weight(shard: int, worker: str) -> tuple[bytes, str]:
    return hashlib.blake2b(f"{shard}\n{worker}".encode(), digest_size=8).digest(), worker
