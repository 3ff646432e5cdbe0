"""sensu: send each event as the result of a check to a Sensu client's socket."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from grammar.gotemplate.strconv import quote
from schemas.config.fields import Flag, Text, Texts
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around, Refused, Unsent
from services.alerting.outside import (
    check_template,
    data_of,
    enabled,
    encoded,
    options_of,
    rendered,
    section_of,
    start_check,
)
from services.alerting.trial import ServiceTest, level_of
from services.pipeline.spec import HandlerSpec, Properties, Type, prop, putting, several

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "sensu"

_NAME = re.compile(r"[\w.-]+", re.ASCII)
_STATUSES = (0, 0, 1, 2)
_MOST_READ = 4096


@dataclass
class SensuProperties(Properties):
    """What the result is of, and who handles it."""

    source: str = prop(Type.STRING, default="", doc="What it comes from; a template, the configuration's unless set.")
    handlers: list[str] = several(Type.STRING, doc="Sensu's handlers; those of the configuration unless set.")
    metadata: dict[str, Any] = putting(Type.ANY, doc="A further key of the result.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the result is of, and who handles it."""

    source: str = setting("", Text, "What it comes from; a template, that of the configuration unless set.")
    handlers: tuple[str, ...] = setting((), Texts, "Sensu's handlers; those of the configuration unless set.")
    metadata: Mapping[str, Any] = setting(MappingProxyType({}), fields.Dict, "Further keys of the result.")


@dataclass(frozen=True, kw_only=True)
class Sensu:
    """[sensu]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    addr: str = setting("", Text, "Where the Sensu client listens, HOST:PORT.")
    source: str = setting("Kapacitor", Text, "What results come from, unless the alert names something.")
    handlers: tuple[str, ...] | None = setting(None, Texts, "Sensu's handlers, unless the alert names some.")

    def __post_init__(self) -> None:
        if self.enabled and not self.addr:
            raise ValidationError("must specify client address")


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """The source must be a template."""
    check_template(options.source, "source")


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec(
    "sensu",
    "SensuHandler",
    SensuProperties,
    __doc__ or "",
    options_of,
    start_check("sensu alert handler", OPTIONS, check),
)
CONFIG_SECTIONS = {SECTION: schema_of(Sensu)()}


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the result; its name is the event's id, which may hold letters, digits, dots, dashes and underscores."""
    source = rendered(options.source, "source", data_of(event))
    await _send(event.id, source, event.message, options.handlers, options.metadata, event.level, around)


async def _send(
    name: str,
    source: str,
    output: str,
    handlers: Sequence[str],
    metadata: Mapping[str, Any],
    level: int,
    around: Around,
) -> None:
    if not _NAME.fullmatch(name):
        raise Refused(f"invalid name {quote(name)} for sensu alert. Must match ^[\\w\\.-]+$")
    section = enabled(section_of(around.sections, SECTION, Sensu))
    chosen = handlers or section.handlers
    body = {
        **metadata,
        "name": name,
        "source": source or section.source,
        "output": output,
        "status": _STATUSES[level],
        "handlers": None if chosen is None else list(chosen),
    }
    answer = await _ask(section.addr, encoded(body))
    if answer != b"ok":
        raise Refused(f"sensu socket error: {answer.decode('utf-8', 'replace')}")


async def _ask(address: str, data: bytes) -> bytes:
    """What is answered on a connection of its own."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise Refused(f"not an address: {address!r}")
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


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": "testName",
        "source": "Kapacitor",
        "output": "testOutput",
        "handlers": [],
        "metadata": {},
        "level": "CRITICAL",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    what = given["name"], given["source"], given["output"], given["handlers"], given["metadata"]
    await _send(*what, level_of(given["level"]), around)


TEST = ServiceTest("sensu", _defaults, _try)
