"""Acknowledgements in ALERTS: somebody sees to an alert, or does so no more, on the topic's own subject.

{"acknowledges": the alert's id, by: who, comment: why, on: false where it is taken back}; when is when it was stored.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

_BEGINS = b'{"acknowledges":'


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a message says."""

    id: str
    by: str
    comment: str
    on: bool


def encode(said: Acknowledgement) -> bytes:
    """The message."""
    return orjson.dumps({"acknowledges": said.id, "by": said.by, "comment": said.comment, "on": said.on})


def decode(data: bytes) -> Acknowledgement | None:
    """What a message of ALERTS acknowledges, None where it is no such message. ValueError for a broken one."""
    if not data.startswith(_BEGINS):
        return None
    body = orjson.loads(data)
    found = Acknowledgement(body.get("acknowledges"), body.get("by"), body.get("comment"), body.get("on"))
    if {type(found.id), type(found.by), type(found.comment)} != {str} or type(found.on) is not bool:
        raise ValueError(f"no acknowledgement: {data[:100]!r}")
    return found
