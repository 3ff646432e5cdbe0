"""tcp: send each event to an address, as a line of JSON and an empty line, over a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, post_load

from services.alerting.handler import Around, Refused, Unsent
from services.pipeline.spec import HandlerSpec, Properties, Type, argument

if TYPE_CHECKING:
    from services.alerting.event import Event


@dataclass
class TcpProperties(Properties):
    """Where to."""

    address: str = argument(Type.STRING, doc="HOST:PORT.")


@dataclass(frozen=True, slots=True)
class Options:
    """Where to: HOST:PORT."""

    address: str


class OptionsSchema(Schema):
    """{"address": "HOST:PORT"}"""

    address = fields.String(load_default="", metadata={"doc": "HOST:PORT."})

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(**data)


SPEC = HandlerSpec("tcp", "TcpHandler", TcpProperties, __doc__ or "")
OPTIONS = OptionsSchema()


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Every address is taken; whether somebody listens there shows when an event is sent."""


async def handle(event: Event, options: Options, around: Around) -> None:
    """Connect, send, close. The sink has it once it, too, has closed or the system has taken all bytes."""
    host, colon, port = options.address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise Refused(f"not an address: {options.address!r}")
    try:
        _, writer = await asyncio.open_connection(host.strip("[]") or "localhost", int(port))
        try:
            writer.write(event.json() + b"\n")
            await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, OverflowError) as error:
        raise Unsent(f"{options.address}: {error}") from error
