"""snmpTrap: send each event as a trap of SNMP v2c. A trap is one datagram: nobody says whether it has come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import fields

from grammar.golang.quoting import quote
from schemas.config.fields import Text, Whole
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import Of, ScriptProperty, option, records
from services.alerting.declarations.sections import Section, must
from services.alerting.declarations.templates import rendered
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.ber import trap, value_of

_TYPES = "cinst"


@dataclass(frozen=True, kw_only=True)
class Data:
    """One value."""

    oid: str = option("The object identifier", fields.String)
    type: str = option("c: counter, i: integer, n: null, s: string, t: ticks", fields.String)
    value: str = option("The value", fields.String, template=True, template_name="data")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which trap, and what it carries."""

    trap_oid: str = option(
        "The trap's object identifier", fields.String, test="1.1.1.1", script=ScriptProperty(argument="trap_oid")
    )
    data_list: tuple[Data, ...] = option(
        "Its values, each with an object identifier (oid), a type (c: counter, i: integer, n: null, s: string, t: time "
        "ticks) and the value, a template",
        records(Data),
        test=[{"oid": "1.1.1.1.2", "type": "s", "value": "test snmptrap message"}],
        script=ScriptProperty("data"),
    )


@dataclass(frozen=True, kw_only=True)
class SnmpTrap:
    """[snmptrap]"""

    enabled: bool = common.enabled("Whether traps may be sent.")
    addr: str = setting("localhost:162", Text, "Where traps are sent to, HOST:PORT.")
    community: str = setting("kapacitor", Text, "The community.", secret=True)
    retries: int = setting(1, Whole, "Of no effect: a trap has no answer that may be missing.")

    def __post_init__(self) -> None:
        must(self, addr="must specify addr")


SECTION = Section("snmptrap", SnmpTrap)


class SnmpTrapHandler(AlertHandler[Options]):
    """A trap that the system has taken counts as sent."""

    kind, method = "snmptrap", "snmpTrap"
    type_name = "SNMPTrapHandler"
    created_as = "SNMP handler"
    options = Options
    section = SECTION
    test_options: ClassVar[Mapping[str, Any]] = {"trap-oid": Of("trap_oid"), "data-list": Of("data_list")}

    def check_script(self, properties: Any) -> None:
        if not properties.trap_oid:
            raise ValueError("you must supply a trap Oid")
        for oid, kind, _ in properties.data_list:
            if kind not in _TYPES or len(kind) != 1:
                raise ValueError(f"unsupported data type {quote(kind)} for data entry {quote(oid)}")

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await _send(options.trap_oid, rendered(options, event).data_list, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        values: tuple[Data, ...] = self.schema.load({"data-list": given["data-list"]}).data_list
        await _send(given["trap-oid"], values, context)


async def _send(oid: str, values: Sequence[Data], context: HandlerContext) -> None:
    section = SECTION.enabled(context.sections)
    try:
        encoded = [(one.oid, value_of(one.type, one.value)) for one in values]
        packet = trap(section.community, oid, encoded)
    except ValueError as error:
        raise Rejected(str(error)) from error
    host, colon, port = section.addr.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise Rejected(f"not an address: {section.addr!r}")
    loop = asyncio.get_running_loop()
    try:
        where = host.strip("[]") or "localhost", int(port)
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=where)
        transport.sendto(packet)
        transport.close()
    except (OSError, OverflowError) as error:
        raise Unsent(f"failed to send SNMP trap: {error}") from error


HANDLER = SnmpTrapHandler()
