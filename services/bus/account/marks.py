"""Whose a stream is: what tickbus makes bears its mark, and what bears none, or another's, is left alone.

The mark is metadata: `tickbus` says what it is and which version of tickbus's layout it has, `tickbus-owner` the
prefixes of the tickbus that it belongs to. Version 0 was made before there were marks, and is marked when it is first
met: streams are recognised by their subjects and all that cannot be set, buckets and object stores, which others have
of the same shape, only beside an EVENTS of version 0.
"""

from __future__ import annotations

from typing import Any

from services.bus.account.shapes import Shape
from services.bus.errors import Foreign
from services.bus.transport.names import Names

MARK, OWNER = "tickbus", "tickbus-owner"
EARLIER, PRESENT = 0, 1

LIMITS = frozenset({"max_age", "max_bytes", "num_replicas", "duplicate_window"})
"""What may be set otherwise in what is the same all the same."""

LATER = frozenset({"allow_msg_ttl", "subject_delete_marker_ttl"})
"""What servers before 2.11 do not know."""
_KINDS = (("KV_", "bucket"), ("OBJ_", "objects"))
_CALLED = {"stream": "stream", "bucket": "bucket", "objects": "object store"}


def kind_of(name: str) -> str:
    """stream, bucket or objects."""
    return next((kind for prefix, kind in _KINDS if name.startswith(prefix)), "stream")


def called(name: str, names: Names) -> str:
    """A stream, bucket or object store as the NATS knows it, for texts."""
    return f"{_CALLED[kind_of(name)]} {names.stream(name).removeprefix('KV_').removeprefix('OBJ_')}"


def mark(name: str, names: Names, version: int = PRESENT) -> dict[str, str]:
    """The mark, as metadata."""
    return {MARK: f"{kind_of(name)}/{version}", OWNER: names.owner}


def version_of(config: Shape) -> int | None:
    """The version in a stream's mark, None where it has no mark that can be read."""
    version = _metadata(config).get(MARK, "").rpartition("/")[2]
    return int(version) if version.isdecimal() else None


def is_ours(config: Shape, names: Names) -> bool:
    """Whether a stream bears the mark of the tickbus with these names."""
    return MARK in _metadata(config) and _metadata(config).get(OWNER) == names.owner


def recognised(present: Shape, wanted: Shape, names: Names, beside_earlier: bool) -> bool:
    """Whether a stream without a mark was made by a tickbus that did not mark. beside_earlier: its EVENTS is there."""
    if MARK in _metadata(present) or names.owner != Names().owner:
        return False
    if kind_of(wanted["name"]) != "stream" and not beside_earlier:
        return False
    return not [key for key in differing(present, wanted) if key not in LIMITS | LATER]


def is_earlier(events: Shape, wanted: Shape, names: Names) -> bool:
    """Whether EVENTS is one that a tickbus made that did not mark."""
    return version_of(events) == EARLIER or recognised(events, wanted, names, beside_earlier=False)


def differing(present: Shape, wanted: Shape) -> list[str]:
    """What is set otherwise in a stream than is wanted."""
    return [key for key in wanted if key != "metadata" and _plain(present.get(key)) != _plain(wanted[key])]


def foreign(present: Shape, name: str, names: Names) -> Foreign:
    """What says that something with a name of ours is not ours."""
    owner = _metadata(present).get(OWNER)
    whose = f"belongs to the tickbus of prefix `{owner}`" if owner else "was not made by tickbus"
    return Foreign(
        f"the {called(name, names)} on this NATS {whose} and is left alone: "
        "another `stream-prefix` in [nats] gives this tickbus names of its own"
    )


def _metadata(config: Shape) -> dict[str, str]:
    return config.get("metadata") or {}


def _plain(value: Any) -> Any:
    """A setting, where nothing, none and no limit are the same."""
    return None if value in (None, False, 0, -1) else value
