"""serviceNow: make an event of ServiceNow's event management of each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from grammar.gotemplate import Struct
from grammar.gotemplate.gojson import to_json
from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import (
    basic,
    check_template,
    check_templates,
    check_url,
    cut,
    enabled,
    everywhere_of,
    options_of,
    post_json,
    rendered,
    section_of,
    start_check,
)
from services.alerting.trial import ServiceTest, level_of
from services.pipeline.spec import HandlerSpec, Properties, Type, prop, putting

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "servicenow"

_SEVERITIES = ("5", "5", "4", "1")
_SHORT, _KEY, _LONG = 100, 1024, 4000  # bytes
_TEMPLATES = ("node", "type", "resource", "metric_name", "message_key")


class EventInfo(Struct, go="servicenow.dataInfo"):
    """What templates see."""

    ID: str
    Name: str
    TaskName: str
    Fields: dict[str, object]
    Tags: dict[str, str]


@dataclass
class ServiceNowProperties(Properties):
    """Where to, and what the event is about."""

    url: str = prop(Type.STRING, default="", name="URL", doc="The URL of the API; the configuration's unless set.")
    username: str = prop(Type.STRING, default="", doc="The user to log in as; the configuration's unless set.")
    password: str = prop(Type.STRING, default="", doc="That user's password.")
    source: str = prop(Type.STRING, default="", doc="What the event comes from; the configuration's unless set.")
    node: str = prop(Type.STRING, default="", doc="The node it is about; a template.")
    type: str = prop(Type.STRING, default="", doc="The type of the metric; a template.")
    resource: str = prop(Type.STRING, default="", doc="The node's resource that it is about; a template.")
    metric_name: str = prop(Type.STRING, default="", doc="The name of the metric; a template.")
    message_key: str = prop(
        Type.STRING, default="", doc="What events of one cause share; a template. The id unless set."
    )
    additional_info: dict[str, Any] = putting(
        Type.ANY, name="additionalInfo", doc="More to tell; a value that is a string is a template."
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and what the event is about."""

    url: str = setting("", Text, "The URL of the API; that of the configuration unless set.")
    username: str = setting("", Text, "The user to log in as; that of the configuration unless set.")
    password: str = setting("", Text, "That user's password.")
    source: str = setting("", Text, "What the event comes from; that of the configuration unless set.")
    node: str = setting("", Text, "The node it is about; a template.")
    type: str = setting("", Text, "The type of the metric; a template.")
    resource: str = setting("", Text, "The node's resource that it is about; a template.")
    metric_name: str = setting("", Text, "The name of the metric; a template.")
    message_key: str = setting("", Text, "What events of one cause share; a template. The id unless set.")
    additional_info: Mapping[str, Any] = setting(
        MappingProxyType({}), fields.Dict, "More to tell, by name; a value that is a string is a template."
    )


@dataclass(frozen=True, kw_only=True)
class ServiceNow:
    """[servicenow]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("", Text, "The URL of the API: https://NAME.service-now.com/api/now/v1/table/em_event.")
    source: str = setting("", Text, "What events come from, unless the alert names something.")
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    global_: bool = setting(
        False, Flag, "Whether every alert without a serviceNow handler is sent to it.", key="global"
    )
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify Alerts URL")
        check_url(self.url)


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """What are templates must be such."""
    for name in _TEMPLATES:
        check_template(getattr(options, name), name)
    check_templates(options.additional_info)


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec(
    "servicenow",
    "ServiceNowHandler",
    ServiceNowProperties,
    __doc__ or "",
    options_of,
    start_check("ServiceNow handler", OPTIONS, check),
    method="serviceNow",
)
CONFIG_SECTIONS = {SECTION: schema_of(ServiceNow)()}


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, ServiceNow))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the event, each text cut to the length that ServiceNow takes."""
    info = EventInfo(event.id, event.name, event.task, dict(event.fields), dict(event.tags))
    await _send(options, info, event.message, event.level, around)


async def _send(options: Options, info: EventInfo, message: str, level: int, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, ServiceNow))
    node, type_, resource, metric, key = (rendered(getattr(options, name), name, info) for name in _TEMPLATES)
    body = {
        "source": cut(options.source or section.source, _SHORT),
        "node": cut(node, _SHORT),
        "type": cut(type_, _SHORT),
        "resource": cut(resource, _SHORT),
        "metric_name": cut(metric, _SHORT),
        "message_key": cut(key or info.ID, _KEY),
        "severity": _SEVERITIES[level],
        "description": cut(message, _LONG),
    }
    more = {
        name: rendered(value, name, info) if isinstance(value, str) else value
        for name, value in options.additional_info.items()
    }
    if more:
        body["additional_info"] = to_json(more)
    user = (options.username, options.password) if options.username else (section.username, section.password)
    await post_json(around, options.url or section.url, body, "ServiceNow", headers=basic(*user))


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {"alert_id": "id", "source": "Kapacitor", "level": "CRITICAL", "message": "test servicenow alert"}


async def _try(given: Mapping[str, Any], around: Around) -> None:
    info = EventInfo(given["alert_id"], "", "", {}, {})
    await _send(Options(source=given["source"]), info, given["message"], level_of(given["level"]), around)


TEST = ServiceTest("servicenow", _defaults, _try)
