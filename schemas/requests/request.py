"""One request that services make of each other: where it goes, and what both of its messages look like.

Who asks encodes the request and decodes the response, who answers the other way round, both by the same declaration.
Whoever asks sends only what a schema says, and whoever answers fills in what is left out; what is not as its schema
says goes neither way. Keys that a schema does not name are let pass: the other end may be of a later version.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Any

import orjson
from marshmallow import EXCLUDE, Schema, fields

from schemas.requests.shape import MalformedMessage, Octets, Shape, Test, predicate, why

_TURN = 64


class Message(Schema):
    """What schemas of messages have in common."""

    class Meta:
        unknown = EXCLUDE


class NothingSchema(Message):
    """{}: where that it comes is all there is to say."""


class Request:
    """A request and its response."""

    def __init__(self, subject: str, request: type[Schema], response: type[Schema] | Shape, long: str = "") -> None:
        """subject: `service.what`, with a name in braces for what differs; `tickbus.ask` stands before it.

        long: the key of a dict in the response that may hold so much that an event loop must not wait for its check;
        see `encode_long_response`.
        """
        self.subject = subject
        self.request: Schema = request()
        self.response: Shape = response() if isinstance(response, type) else response
        self._tokens = subject.split(".")
        self._asked, self._answered = predicate(self.request), predicate(self.response)
        self._long = long
        if long:
            self._rest, self._each = _apart(self.response, long)
        ALL.append(self)

    def tokens(self, *names: str) -> list[str]:
        """The parts of the subject, not yet escaped, with names in the places that are left open.

        Names beyond those stand behind it: who of several is asked.
        """
        given = iter(names)
        return [next(given) if token.startswith("{") else token for token in self._tokens] + list(given)

    def encode_request(self, **values: Any) -> bytes:
        """JSON of a request. MalformedMessage where it is none."""
        self._check(self.request, self._asked, values)
        return orjson.dumps(values)

    def decode_request(self, data: bytes) -> dict[str, Any]:
        """A request, with what it left out. ValidationError or ValueError where it is none."""
        found: dict[str, Any] = self.request.load(orjson.loads(data) if data else {})
        return found

    def encode_response(self, value: Any) -> bytes:
        """JSON of a response. MalformedMessage where it is none."""
        self._check(self.response, self._answered, value)
        return value if isinstance(self.response, Octets) else orjson.dumps(value)

    def decode_response(self, data: bytes) -> Any:
        """A response. MalformedMessage where it is none."""
        value = data if isinstance(self.response, Octets) else self._parsed(data)
        self._check(self.response, self._answered, value)
        return value

    async def encode_long_response(self, value: dict[str, Any]) -> bytes:
        """The same as encode_response, with time for others in between."""
        await self._check_in_turns(value)
        return orjson.dumps(value)

    async def decode_long_response(self, data: bytes) -> dict[str, Any]:
        """The same as decode_response, with time for others in between."""
        value: dict[str, Any] = self._parsed(data)
        await self._check_in_turns(value)
        return value

    def _parsed(self, data: bytes) -> Any:
        try:
            return orjson.loads(data)
        except ValueError as error:
            raise MalformedMessage(f"{self.subject}: no JSON: {error}") from error

    def _check(self, shape: Shape, test: Test, value: Any) -> None:
        if not test(value):
            raise MalformedMessage(f"{self.subject}: {why(shape, value)}")

    async def _check_in_turns(self, value: Any) -> None:
        self._check(self.response, self._rest, value)
        parts: Iterable[Any] = iter(value[self._long].values())
        while some := list(islice(parts, _TURN)):
            if not all(map(self._each, some)):
                raise MalformedMessage(f"{self.subject}: {why(self.response, value)}")
            await asyncio.sleep(0)


ALL: list[Request] = []
"""Every request that has been declared."""


def _apart(response: Shape, key: str) -> tuple[Test, Test]:
    """What tests a response but for the values of one of its dicts, and what tests each of those."""
    assert isinstance(response, Schema)
    long = response.fields[key]
    assert isinstance(long, fields.Dict) and long.value_field is not None
    others = [name for name in response.fields if name != key]
    rest, shell = predicate(type(response)(only=others)), predicate(fields.Dict(keys=fields.String()))
    return lambda value: rest(value) and shell(value.get(key)), predicate(long.value_field)
