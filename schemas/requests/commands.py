"""The reply to commands, `tickbus.command.<kind>.<verb>`, which are the HTTP API's twin.

Which commands there are and what each takes and gives say the operations of services.gateway.commands, from which the
AsyncAPI document is made.
"""

from __future__ import annotations

from typing import Any

import orjson
from marshmallow import fields

from schemas.requests.request import Message
from schemas.requests.shape import MalformedMessage, predicate, why


class ReplySchema(Message):
    """The reply to every command: the HTTP status, and the body that HTTP would have, null where that is empty."""

    status = fields.Integer(required=True)
    body = fields.Raw(required=True, allow_none=True)


_SCHEMA = ReplySchema()
_TEST = predicate(_SCHEMA)


def encode_reply(status: int, body: bytes) -> bytes:
    """A reply. body: JSON, which stands in it as it is."""
    value = {"status": status, "body": orjson.Fragment(body)}
    _check(value)
    return orjson.dumps(value)


def decode_reply(data: bytes) -> tuple[int, Any]:
    """Status and body of a reply. MalformedMessage where it is none."""
    try:
        value = orjson.loads(data)
    except ValueError as error:
        raise MalformedMessage(f"the reply to a command: no JSON: {error}") from error
    _check(value)
    return value["status"], value["body"]


def _check(value: Any) -> None:
    if not _TEST(value):
        raise MalformedMessage(f"the reply to a command: {why(_SCHEMA, value)}")
