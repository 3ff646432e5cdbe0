"""Comments in ALERTS: what somebody says of an alert, on the topic's own subject.

{"comments": the alert's id, by: who, text: what}; when is when it was stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

_BEGINS = b'{"comments":'


@dataclass(frozen=True, slots=True)
class SaidComment:
    """What a message says."""

    id: str
    by: str
    text: str


def encode(said: SaidComment) -> bytes:
    """The message."""
    return orjson.dumps({"comments": said.id, "by": said.by, "text": said.text})


def decode(data: bytes) -> SaidComment | None:
    """What a message of ALERTS comments on, None where it is no such message. ValueError for a broken one."""
    if not data.startswith(_BEGINS):
        return None
    body = orjson.loads(data)
    found = SaidComment(body.get("comments"), body.get("by"), body.get("text"))
    if {type(found.id), type(found.by), type(found.text)} != {str}:
        raise ValueError(f"no comment: {data[:100]!r}")
    return found
