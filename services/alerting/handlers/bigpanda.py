"""bigPanda: send each event to BigPanda, with its tags and fields as attributes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from grammar.gotemplate.gojson import to_json
from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.http import Tls
from services.alerting.outside import (
    check_template,
    check_templates,
    check_url,
    data_of,
    enabled,
    everywhere_of,
    options_of,
    post_json,
    rendered,
    section_of,
    start_check,
)
from services.alerting.trial import ServiceTest, level_of
from services.bus.times import from_nanoseconds, to_nanoseconds
from services.pipeline.spec import HandlerSpec, Properties, Type, prop, putting

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "bigpanda"

_STATUSES = ("ok", "ok", "warning", "critical")


@dataclass
class BigPandaProperties(Properties):
    """What the alert is about."""

    app_key: str = prop(Type.STRING, default="", doc="The integration's key; that of the configuration unless set.")
    host: str = prop(Type.STRING, default="", doc="The host; a template.")
    primary_property: str = prop(Type.STRING, default="", doc="The attribute that alerts are grouped by first.")
    secondary_property: str = prop(Type.STRING, default="", doc="The attribute that they are grouped by then.")
    attributes: dict[str, Any] = putting(
        Type.ANY, name="attribute", doc="A further attribute; one that is a string is a template."
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the alert is about."""

    app_key: str = setting("", Text, "The integration's key; that of the configuration unless set.")
    url: str = setting("", Text, "The URL of the API; that of the configuration unless set.")
    host: str = setting("", Text, "The host; a template.")
    primary_property: str = setting("", Text, "The attribute that alerts are grouped by first.")
    secondary_property: str = setting("", Text, "The attribute that they are grouped by then.")
    attributes: Mapping[str, Any] = setting(
        MappingProxyType({}), fields.Dict, "Further attributes by name; those that are strings are templates."
    )


@dataclass(frozen=True, kw_only=True)
class BigPanda:
    """[bigpanda]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    global_: bool = setting(False, Flag, "Whether every alert without a bigPanda handler is sent to it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")
    app_key: str = setting("", Text, "The integration's key, unless the alert names one.")
    token: str = setting("", Text, "The token to log in with.", secret=True)
    url: str = setting("https://api.bigpanda.io/data/v2/alerts", Text, "The URL of its API.")
    auto_attributes: str = setting("tags,fields", Text, "What of an event becomes attributes: tags, fields, or both.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify the BigPanda webhook URL")
        if self.enabled and not self.app_key:
            raise ValidationError("must specify BigPanda app-key")
        check_url(self.url)
        if self.enabled and not self.token:
            raise ValidationError("must specify BigPanda token")


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """What are templates must be such."""
    check_template(options.host, "host")
    check_templates(options.attributes)


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec(
    "bigpanda",
    "BigPandaHandler",
    BigPandaProperties,
    __doc__ or "",
    options_of,
    start_check("BigPanda handler", OPTIONS, check),
    method="bigPanda",
)
CONFIG_SECTIONS = {SECTION: schema_of(BigPanda)()}


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, BigPanda))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the event. Attributes of the options win over fields, fields over tags."""
    data = data_of(event)
    given = {name: _text(value, name, data) for name, value in options.attributes.items()}
    if options.host:
        given["host"] = rendered(options.host, "host", data)
    body = _about(event.message, event.level, event.time, event.task, event.name)
    details = html.unescape(event.details)
    body |= {"details": details} if details and not details.startswith("{") else {}
    body |= {"check": event.id} if event.id else {}
    await _send(options, body, event.tags, event.fields, given, around)


def _text(value: Any, name: str, data: Any) -> str:
    return rendered(value, name, data) if isinstance(value, str) else to_json(value)


def _about(message: str, level: int, time: int, task: str, name: str) -> dict[str, Any]:
    body: dict[str, Any] = {"description": message} if message else {}
    return body | {"task": f"{task}:{name}", "timestamp": time // 10**9, "status": _STATUSES[level]}


async def _send(
    options: Options,
    body: dict[str, Any],
    tags: Mapping[str, str],
    values: Mapping[str, Any],
    given: Mapping[str, str],
    around: Around,
) -> None:
    section = enabled(section_of(around.sections, SECTION, BigPanda))
    own = {"primary_property": options.primary_property, "secondary_property": options.secondary_property}
    body |= {name: value for name, value in own.items() if value}
    body["app_key"] = options.app_key or section.app_key
    automatic = section.auto_attributes.lower()
    body |= dict(tags) if "tags" in automatic else {}
    if "fields" in automatic:
        body |= {name: value if isinstance(value, str) else to_json(value) for name, value in values.items()}
    await post_json(
        around,
        options.url or section.url,
        body | dict(given),
        "BigPanda",
        headers={"Authorization": f"Bearer {section.token}"},
        tls=Tls(not section.insecure_skip_verify),
    )


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "app_key": "012345",
        "message": "test bigpanda message",
        "level": "CRITICAL",
        "event_data": {
            "Name": "testBigPanda",
            "TaskName": "",
            "Category": "",
            "Group": "",
            "Tags": {},
            "Fields": {},
            "Recoverable": False,
            "Result": {"series": None},
        },
        "timestamp": from_nanoseconds(0),
        "host": "serverA",
        "primary_property": "",
        "secondary_property": "",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    data = given["event_data"]
    time = to_nanoseconds(given["timestamp"])
    options = Options(
        app_key=given["app_key"],
        primary_property=given["primary_property"],
        secondary_property=given["secondary_property"],
    )
    about = _about(given["message"], level_of(given["level"]), time, data.get("TaskName", ""), data.get("Name", ""))
    host = {"host": given["host"]} if given["host"] else {}
    await _send(options, about, data.get("Tags") or {}, data.get("Fields") or {}, host, around)


TEST = ServiceTest("bigpanda", _defaults, _try)
