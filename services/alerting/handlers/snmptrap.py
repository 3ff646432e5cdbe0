"""snmpTrap: send each event as a trap of SNMP v2c. A trap is one datagram: nobody says whether it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields, post_load

from grammar.gotemplate.strconv import quote
from schemas.config.fields import Flag, Text, Whole
from schemas.config.section import schema_of, setting
from services.alerting.ber import trap, value_of
from services.alerting.handler import Around, Refused, Unsent
from services.alerting.outside import check_template, data_of, enabled, rendered, section_of, start_check
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties, Type, appending, argument

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "snmptrap"

_TYPES = "cinst"


@dataclass
class SnmpTrapProperties(Properties):
    """Which trap, and what it carries."""

    trap_oid: str = argument(Type.STRING, doc="The trap's object identifier.")
    data_list: list[tuple[str, str, str]] = appending(
        Type.STRING,
        Type.STRING,
        Type.STRING,
        name="data",
        doc="A value of the trap: its object identifier, its type (c: counter, i: integer, n: null, s: string, "
        "t: time ticks) and the value, a template.",
    )

    def check(self) -> None:
        if not self.trap_oid:
            raise ValueError("you must supply a trap Oid")
        for oid, kind, _ in self.data_list:
            if kind not in _TYPES or len(kind) != 1:
                raise ValueError(f"unsupported data type {quote(kind)} for data entry {quote(oid)}")


@dataclass(frozen=True, slots=True)
class Data:
    """One value: object identifier, type and text, which is a template."""

    oid: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Options:
    """Which trap, and what it carries."""

    trap_oid: str
    data_list: tuple[Data, ...]


class DataSchema(Schema):
    """{"oid": object identifier, "type": "c", "i", "n", "s" or "t", "value": template}"""

    oid = fields.String(load_default="", metadata={"doc": "The object identifier."})
    type = fields.String(load_default="", metadata={"doc": "c: counter, i: integer, n: null, s: string, t: ticks."})
    value = fields.String(load_default="", metadata={"doc": "The value; a template."})

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Data:
        return Data(**data)


class OptionsSchema(Schema):
    """{"trap-oid": object identifier, "data-list": [value …]}"""

    trap_oid = fields.String(data_key="trap-oid", load_default="", metadata={"doc": "The trap's object identifier."})
    data_list = fields.List(
        fields.Nested(DataSchema),
        data_key="data-list",
        load_default=list,
        metadata={"doc": "Its values: objects with oid, type (c, i, n, s or t) and value, a template."},
    )

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(data["trap_oid"], tuple(data["data_list"]))


@dataclass(frozen=True, kw_only=True)
class SnmpTrap:
    """[snmptrap]"""

    enabled: bool = setting(False, Flag, "Whether traps may be sent.")
    addr: str = setting("localhost:162", Text, "Where traps are sent to, HOST:PORT.")
    community: str = setting("kapacitor", Text, "The community.", secret=True)
    retries: int = setting(1, Whole, "Of no effect: a trap has no answer that may be missing.")

    def __post_init__(self) -> None:
        if self.enabled and not self.addr:
            raise ValidationError("must specify addr")


def options_of(properties: SnmpTrapProperties) -> dict[str, Any]:
    """A script's properties as options."""
    values = [{"oid": oid, "type": kind, "value": value} for oid, kind, value in properties.data_list]
    return {"trap-oid": properties.trap_oid, "data-list": values}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Values must be templates."""
    for data in options.data_list:
        check_template(data.value, "data")


OPTIONS = OptionsSchema()
SPEC = HandlerSpec(
    "snmptrap",
    "SNMPTrapHandler",
    SnmpTrapProperties,
    __doc__ or "",
    options_of,
    start_check("SNMP handler", OPTIONS, check),
    method="snmpTrap",
)
CONFIG_SECTIONS = {SECTION: schema_of(SnmpTrap)()}


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the trap."""
    data = data_of(event)
    values = [Data(one.oid, one.type, rendered(one.value, "data", data)) for one in options.data_list]
    await _send(options.trap_oid, values, around)


async def _send(oid: str, values: Sequence[Data], around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, SnmpTrap))
    try:
        encoded = [(one.oid, value_of(one.type, one.value)) for one in values]
        packet = trap(section.community, oid, encoded)
    except ValueError as error:
        raise Refused(str(error)) from error
    host, colon, port = section.addr.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise Refused(f"not an address: {section.addr!r}")
    loop = asyncio.get_running_loop()
    try:
        where = host.strip("[]") or "localhost", int(port)
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=where)
        transport.sendto(packet)
        transport.close()
    except (OSError, OverflowError) as error:
        raise Unsent(f"failed to send SNMP trap: {error}") from error


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    data = {"oid": "1.1.1.1.2", "type": "s", "value": "test snmptrap message"}
    return {"trap-oid": "1.1.1.1", "data-list": [data]}


async def _try(given: Mapping[str, Any], around: Around) -> None:
    values: list[Data] = OptionsSchema().load({"data-list": given["data-list"]}).data_list
    await _send(given["trap-oid"], values, around)


TEST = ServiceTest("snmptrap", _defaults, _try)
