"""Buckets and object stores of any name, for tests that want one to themselves."""

from __future__ import annotations

from services.bus.account.shapes import bucket_shape, objects_shape
from services.bus.buckets.kv import Bucket
from services.bus.buckets.objects import Objects
from services.bus.connection import Bus


async def any_bucket(bus: Bus, name: str, ttl: float = 0.0, replicas: int = 1) -> Bucket:
    """ttl: seconds after its last write at which a key expires by itself, 0 for never."""
    return await Bucket.open(bus._link, bus._publisher, name, bucket_shape(name, ttl, replicas))


async def any_objects(bus: Bus, name: str) -> Objects:
    return await Objects.open(bus._link, bus._publisher, name, objects_shape(name))
