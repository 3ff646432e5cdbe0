"""Which shard a task belongs to, and which worker a shard should be with."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable


def shard_of(name: str, shards: int) -> int:
    """The shard of a task id or another name: 0 … shards-1. Fixed for ever, since leases and checkpoints are kept by
    shard."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass")) % shards


def shard_of_unit(id: str, shards: int) -> int:
    """The same of what a worker runs, a task or a part of one: the id of a part says it behind its last dot (see
    services.store.folds.layouts); no task's id has a slash."""
    return int(id.rpartition(".")[2]) % shards if "/" in id else shard_of(id, shards)


def owner_of(shard: int, workers: Iterable[str]) -> str | None:
    """The worker that a shard should be with: rendezvous hashing, so that a change of workers moves few shards."""
    return max(workers, key=lambda worker: _weight(shard, worker), default=None)


def _weight(shard: int, worker: str) -> tuple[bytes, str]:
    return hashlib.blake2b(f"{shard}\n{worker}".encode(), digest_size=8).digest(), worker
