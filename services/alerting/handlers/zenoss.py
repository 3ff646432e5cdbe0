"""zenoss: add each event to the event console of Zenoss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from grammar.gotemplate import Duration, Level, Struct, Time
from schemas.config.fields import Flag, Text, Whole
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
    post_json,
    rendered,
    section_of,
    start_check,
)
from services.alerting.trial import ServiceTest, level_of
from services.pipeline.spec import HandlerSpec, Properties, Type, prop, putting

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "zenoss"

_LEVELS = ("OK", "Info", "Warning", "Critical")
_SUMMARY, _MESSAGE = 256, 4096  # bytes
_TEMPLATES = ("summary", "device", "component", "eventclasskey", "eventclass", "message", "collector")
_SEVERITIES: Mapping[str, Any] = MappingProxyType(
    {"OK": "Clear", "Info": "Info", "Warning": "Warning", "Critical": "Critical"}
)


class EventInfo(Struct, go="zenoss.info"):
    """What templates see."""

    Name: str
    TaskName: str
    ID: str
    Message: str
    Details: str
    Time: Time
    Duration: Duration
    Level: Level
    Recoverable: bool
    Tags: dict[str, str]


@dataclass
class ZenossProperties(Properties):
    """What is called, and what the event is about."""

    url: str = prop(Type.STRING, default="", name="URL", doc="The URL of the API; the configuration's unless set.")
    username: str = prop(Type.STRING, default="", doc="The user to log in as; the configuration's unless set.")
    password: str = prop(Type.STRING, default="", doc="That user's password.")
    action: str = prop(Type.STRING, default="", doc="The router that is called; the configuration's unless set.")
    method: str = prop(Type.STRING, default="", doc="Its method; that of the configuration unless set.")
    type: str = prop(Type.STRING, default="", doc="The type of the call; that of the configuration unless set.")
    tid: int = prop(Type.INT, default=0, doc="The number of the call; that of the configuration unless set.")
    collector: str = prop(Type.STRING, default="", doc="The collector; a template, the configuration's unless set.")
    summary: str = prop(Type.STRING, default="{{ .Message }}", doc="The summary; a template.")
    device: str = prop(Type.STRING, default="", doc="The device; a template.")
    component: str = prop(Type.STRING, default="", doc="The device's component; a template.")
    event_class_key: str = prop(Type.STRING, default="", doc="The key of the event's class; a template.")
    event_class: str = prop(Type.STRING, default="", doc="The event's class; a template.")
    message: str = prop(Type.STRING, default="", doc="The message; a template.")
    custom_fields: dict[str, Any] = putting(
        Type.ANY,
        name="customField",
        doc="A further field; one that is a string is a template, which may give JSON.",
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is called, and what the event is about."""

    url: str = setting("", Text, "The URL of the API; that of the configuration unless set.")
    username: str = setting("", Text, "The user to log in as; that of the configuration unless set.")
    password: str = setting("", Text, "That user's password.")
    action: str = setting("", Text, "The router that is called; that of the configuration unless set.")
    method: str = setting("", Text, "Its method; that of the configuration unless set.")
    type: str = setting("", Text, "The type of the call; that of the configuration unless set.")
    tid: int = setting(0, Whole, "The number of the call; that of the configuration unless set.")
    summary: str = setting("", Text, "The summary; a template, the message unless set.")
    device: str = setting("", Text, "The device; a template.")
    component: str = setting("", Text, "The device's component; a template.")
    eventclasskey: str = setting("", Text, "The key of the event's class; a template.")
    eventclass: str = setting("", Text, "The event's class; a template.")
    collector: str = setting("", Text, "The collector; a template, that of the configuration unless set.")
    message: str = setting("", Text, "The message; a template.")
    custom_fields: Mapping[str, Any] = setting(
        MappingProxyType({}),
        fields.Dict,
        "Further fields by name; one that is a string is a template, which may give JSON.",
        key="customfield",
    )


class Severities(fields.Field[Mapping[str, Any]]):
    """What Zenoss calls each level: a table with OK, Info, Warning and Critical, which may be left out."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        by_lower = {level.lower(): level for level in _LEVELS}
        unknown = [name for name in value if name.lower() not in by_lower]
        if unknown:
            raise ValidationError(f"Unknown field {unknown[0]} for SeverityMap")
        return {**_SEVERITIES, **{by_lower[name.lower()]: severity for name, severity in value.items()}}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(value)


@dataclass(frozen=True, kw_only=True)
class Zenoss:
    """[zenoss]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("https://tenant.zenoss.io:8080/zport/dmd/evconsole_router", Text, "The URL of its API.")
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    action: str = setting("EventsRouter", Text, "The router that is called, unless the alert names one.")
    method: str = setting("add_event", Text, "Its method, unless the alert names one.")
    type: str = setting("rpc", Text, "The type of the call, unless the alert names one.")
    tid: int = setting(1, Whole, "The number of the call, unless the alert names one.")
    collector: str = setting("Kapacitor", Text, "The collector, unless the alert names one.")
    severity_map: Mapping[str, Any] = setting(_SEVERITIES, Severities, "What Zenoss calls each level.")
    global_: bool = setting(False, Flag, "Whether every alert without a zenoss handler is sent to it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify events URL")
        check_url(self.url)


def options_of(properties: ZenossProperties) -> dict[str, Any]:
    """A script's properties as options."""
    return {
        "url": properties.url,
        "username": properties.username,
        "password": properties.password,
        "action": properties.action,
        "method": properties.method,
        "type": properties.type,
        "tid": properties.tid,
        "summary": properties.summary,
        "device": properties.device,
        "component": properties.component,
        "eventclasskey": properties.event_class_key,
        "eventclass": properties.event_class,
        "collector": properties.collector,
        "message": properties.message,
        "customfield": dict(properties.custom_fields),
    }


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """What are templates must be such."""
    for name in _TEMPLATES:
        check_template(getattr(options, name), name)
    check_templates(options.custom_fields)


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec(
    "zenoss",
    "ZenossHandler",
    ZenossProperties,
    __doc__ or "",
    options_of,
    start_check("Zenoss handler", OPTIONS, check),
)
CONFIG_SECTIONS = {SECTION: schema_of(Zenoss)()}


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, Zenoss))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the event."""
    info = EventInfo(
        event.name,
        event.task,
        event.id,
        event.message,
        event.details,
        Time(event.time),
        Duration(event.duration),
        Level(event.level),
        event.recoverable,
        dict(event.tags),
    )
    await _send(options, info, around)


async def _send(options: Options, info: EventInfo, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, Zenoss))
    texts = {name: rendered(getattr(options, name), name, info) for name in _TEMPLATES}
    event: dict[str, Any] = {
        "summary": cut(texts["summary"] or info.Message, _SUMMARY),
        "device": texts["device"],
        "component": texts["component"],
        "severity": section.severity_map[_LEVELS[info.Level]],
        "evclasskey": texts["eventclasskey"],
        "evclass": texts["eventclass"],
    }
    more = {"collector": texts["collector"] or section.collector, "message": cut(texts["message"], _MESSAGE)}
    event |= {name: value for name, value in more.items() if value}
    for name, value in options.custom_fields.items():
        event[name] = _perhaps_json(rendered(value, name, info)) if isinstance(value, str) else value
    body = {
        "action": options.action or section.action,
        "method": options.method or section.method,
        "data": [event],
        "type": options.type or section.type,
        "tid": options.tid or section.tid,
    }
    user = (options.username, options.password) if options.username else (section.username, section.password)
    await post_json(around, options.url or section.url, body, "Zenoss", headers=basic(*user))


def _perhaps_json(text: str) -> Any:
    if text.startswith(("{", "[")):
        try:
            return json.loads(text)
        except ValueError:
            pass
    return text


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    section = section_of(sections, SECTION, Zenoss)
    return {
        "alert_id": "1001",
        "level": "CRITICAL",
        "message": "test zenoss message",
        "action": section.action,
        "method": section.method,
        "type": section.type,
        "tid": section.tid,
        "summary": "",
        "device": "",
        "component": "",
        "eventclasskey": "",
        "eventclass": "",
        "collector": section.collector,
        "custom_fields": {},
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    named = {name: given[name] for name in ("action", "method", "type", "tid", *_TEMPLATES) if name != "message"}
    options = Options(**named, custom_fields=given["custom_fields"])
    level = Level(level_of(given["level"]))
    info = EventInfo("", "", given["alert_id"], given["message"], "", Time(0), Duration(0), level, False, {})
    await _send(options, info, around)


TEST = ServiceTest("zenoss", _defaults, _try)
