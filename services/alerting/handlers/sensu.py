"""sensu: send each event as the result of a check to a Sensu client's socket."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import fields

from grammar.golang.quoting import quote
from schemas.config.fields import Text, Texts
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import Of, configured, option, options_tested, with_configured
from services.alerting.declarations.sections import Section, must
from services.alerting.declarations.templates import rendered
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.http_service import encoded
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent

_NAME = re.compile(r"[\w.-]+", re.ASCII)
_STATUSES = (0, 0, 1, 2)
_MOST_READ = 4096


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the result is of, and who handles it."""

    source: str = option("What it comes from", configured="something", template=True, test="Kapacitor")
    handlers: tuple[str, ...] = option("Sensu's handlers", Texts, configured="some", test=())
    metadata: Mapping[str, Any] = option("Further keys of the result", fields.Dict, test={})


@dataclass(frozen=True, kw_only=True)
class Sensu:
    """[sensu]"""

    enabled: bool = common.enabled()
    addr: str = setting("", Text, "Where the Sensu client listens, HOST:PORT.")
    source: str = configured(Options, "source", "Kapacitor")
    handlers: tuple[str, ...] | None = configured(Options, "handlers", None)

    def __post_init__(self) -> None:
        must(self, addr="must specify client address")


SECTION = Section("sensu", Sensu)


class SensuHandler(AlertHandler[Options]):
    """The result's name is the event's id, which may hold letters, digits, dots, dashes and underscores."""

    kind = "sensu"
    type_name = "SensuHandler"
    created_as = "sensu alert handler"
    options = Options
    section = SECTION
    test_options: ClassVar[Mapping[str, Any]] = {
        "name": "testName",
        "source": Of("source"),
        "output": "testOutput",
        "handlers": Of("handlers"),
        "metadata": Of("metadata"),
        "level": "CRITICAL",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(rendered(options, event), event.id, event.message, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options = options_tested(self.test_options, Options, given)
        await self._send(options, given["name"], given["output"], level_of(given["level"]), context)

    async def _send(self, options: Options, name: str, output: str, level: int, context: HandlerContext) -> None:
        if not _NAME.fullmatch(name):
            raise Rejected(f"invalid name {quote(name)} for sensu alert. Must match ^[\\w\\.-]+$")
        section = SECTION.enabled(context.sections)
        result = with_configured(options, section)
        handlers: tuple[str, ...] | None = result.handlers
        body = {
            **result.metadata,
            "name": name,
            "source": result.source,
            "output": output,
            "status": _STATUSES[level],
            "handlers": None if handlers is None else list(handlers),
        }
        answer = await _ask(section.addr, encoded(body))
        if answer != b"ok":
            raise Rejected(f"sensu socket error: {answer.decode('utf-8', 'replace')}")


async def _ask(address: str, data: bytes) -> bytes:
    """What is answered on a connection of its own."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise Rejected(f"not an address: {address!r}")
    try:
        reader, writer = await asyncio.open_connection(host.strip("[]") or "localhost", int(port))
        try:
            writer.write(data)
            await writer.drain()
            answer = b""
            while len(answer) < _MOST_READ and (more := await reader.read(_MOST_READ)):
                answer += more
            return answer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    except (OSError, OverflowError) as error:
        raise Unsent(f"{address}: {error}") from error


HANDLER = SensuHandler()
