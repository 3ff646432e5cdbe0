"""The configurations that streams, buckets and object stores are made with, in JetStream's words and with our names."""

from __future__ import annotations

from typing import Any

from services.bus.streams import DUPLICATE_WINDOW_SECONDS, StreamLimits

_MARKER_SECONDS = 60

Shape = dict[str, Any]


def stream_shape(name: str, subjects: list[str], limits: StreamLimits, extra: Shape | None = None) -> Shape:
    """Of a stream. extra: further settings."""
    window = DUPLICATE_WINDOW_SECONDS
    if limits.max_age:
        window = min(window, limits.max_age)
    return {
        "name": name,
        "subjects": subjects,
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "max_age": round(limits.max_age * 1e9),
        "max_bytes": limits.max_bytes or -1,
        "max_msgs": -1,
        "max_consumers": -1,
        "num_replicas": limits.replicas,
        "duplicate_window": round(window * 1e9),
        "allow_direct": True,
    } | (extra or {})


def bucket_shape(name: str, ttl: float = 0.0, replicas: int = 1) -> Shape:
    """Of a key-value bucket, of which of each key only the present state is kept. ttl: seconds, 0 for never."""
    extra: Shape = {
        "max_msgs_per_subject": 1,
        "discard": "new",
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        # So that marks of deletions do not stay for ever; servers before 2.11 ignore it.
        "allow_msg_ttl": True,
    }
    if ttl:
        # So that watchers hear of an expiry.
        extra |= {"subject_delete_marker_ttl": _MARKER_SECONDS * 10**9}
    return stream_shape(f"KV_{name}", [f"$KV.{name}.>"], StreamLimits(ttl, 0, replicas), extra)


def objects_shape(name: str, replicas: int = 1) -> Shape:
    """Of an object store."""
    subjects = [f"$O.{name}.C.>", f"$O.{name}.M.>"]
    extra = {"discard": "new", "allow_rollup_hdrs": True}
    return stream_shape(f"OBJ_{name}", subjects, StreamLimits(replicas=replicas), extra)
