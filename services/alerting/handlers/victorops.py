"""victorOps: tell VictorOps (Splunk On-Call) of each event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from grammar.gotemplate.gojson import to_json
from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import (
    check_url,
    enabled,
    everywhere_of,
    joined,
    options_of,
    post_json,
    section_of,
)
from services.alerting.trial import ServiceTest
from services.engine.alerts.info import LEVELS
from services.pipeline.spec import HandlerSpec, Properties, Type, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "victorops"


@dataclass
class VictorOpsProperties(Properties):
    """Who is told."""

    routing_key: str = prop(Type.STRING, default="", doc="The routing key; that of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who is told."""

    routing_key: str = setting("", Text, "The routing key; that of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class VictorOps:
    """[victorops]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    api_key: str = setting("", Text, "The key of its API.", secret=True)
    routing_key: str = setting("", Text, "The routing key, unless the alert names one.")
    url: str = setting(
        "https://alert.victorops.com/integrations/generic/20131114/alert", Text, "The URL of its API, without the keys."
    )
    global_: bool = setting(False, Flag, "Whether every alert without a victorOps handler is sent to it.", key="global")
    json_data: bool = setting(False, Flag, "Whether the event's data is sent as an object, not as JSON in a string.")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        check_url(self.url)


SPEC = HandlerSpec("victorops", "VictorOpsHandler", VictorOpsProperties, __doc__ or "", options_of, method="victorOps")
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(VictorOps)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it."""
    return everywhere_of(section_of(sections, SECTION, VictorOps))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the event as message of its level, as RECOVERY when the alert is over."""
    kind = LEVELS[event.level] if event.level else "RECOVERY"
    seconds = event.time // 10**9
    await _send(options.routing_key, kind, event.message, event.id, seconds, event.data().Data, around)


async def _send(key: str, kind: str, message: str, entity: str, seconds: int, result: Any, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, VictorOps))
    body = {
        "message_type": kind,
        "entity_id": entity,
        "state_message": message,
        "timestamp": seconds,
        "monitoring_tool": "kapacitor",
        "data": result if section.json_data else to_json(result),
    }
    url = joined(section.url, section.api_key, key or section.routing_key)
    await post_json(around, url, body, "VictorOps", key="message", told=_TOLD)


_TOLD = {404: "URL or API key not found: 404"}


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "routingKey": section_of(sections, SECTION, VictorOps).routing_key,
        "messageType": "CRITICAL",
        "message": "test victorops message",
        "entityID": "testEntityID",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    what = given["messageType"], given["message"], given["entityID"]
    await _send(given["routingKey"], *what, int(time.time()), {"series": None}, around)


TEST = ServiceTest("victorops", _defaults, _try)
