"""tcp: send each event to an address, as a line of JSON and an empty line, over a connection of its own.

`addresses` in [security] says which addresses these may be.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from marshmallow import fields

from services.alerting.declarations.options import ScriptProperty, option
from services.alerting.declarations.sections import Sections
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.process.permissions import Guard, NotPermitted


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to."""

    address: str = option("HOST:PORT", fields.String, script=ScriptProperty(argument="address"))


class TcpHandler(AlertHandler[Options]):
    """Every address is taken; whether somebody listens there shows when an event is sent."""

    kind = "tcp"
    type_name = "TcpHandler"
    options = Options

    def permitted(self, options: Options, sections: Sections, guard: Guard) -> None:
        """The address must be one that may be sent to."""
        guard.address(options.address)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        """Connect, send, close. The sink has it once it, too, has closed or the system has taken all bytes."""
        host, colon, port = options.address.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit():
            raise Rejected(f"not an address: {options.address!r}")
        try:
            self.permitted(options, context.sections, context.guard)
            _, writer = await asyncio.open_connection(host.strip("[]") or "localhost", int(port))
            try:
                context.guard.peer(writer.get_extra_info("peername"))
                writer.write(event.json() + b"\n")
                await writer.drain()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        except NotPermitted as error:
            raise Rejected(str(error)) from error
        except (OSError, OverflowError) as error:
            raise Unsent(f"{options.address}: {error}") from error


HANDLER = TcpHandler()
