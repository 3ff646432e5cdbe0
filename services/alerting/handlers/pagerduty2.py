"""pagerDuty2: trigger an incident of PagerDuty, and resolve it when the alert is over. Its Events API v2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields, post_load

from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import (
    check_template,
    check_url,
    data_of,
    enabled,
    encoded,
    everywhere_of,
    rendered,
    said_in,
    section_of,
    start_check,
)
from services.alerting.trial import ServiceTest, level_of
from services.bus.times import from_nanoseconds, to_nanoseconds
from services.pipeline.spec import HandlerSpec, Properties, Type, appending, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "pagerduty2"

_SEVERITIES = ("", "info", "warning", "critical")
_HEADERS = {"Content-Type": "application/json", "Accept": "application/vnd.pagerduty+json;version=2"}


@dataclass
class PagerDuty2Properties(Properties):
    """For which service, and what to link to."""

    routing_key: str = prop(Type.STRING, default="", doc="The routing key; that of the configuration unless set.")
    service_key: str = prop(
        Type.STRING, default="", method=True, doc="The same, under the name that pagerDuty has for it."
    )
    links: list[tuple[str, ...]] = appending(
        Type.STRING,
        Type.STRING,
        name="link",
        variadic=True,
        doc="A link of the incident: its URL and, if it has one, its text; both are templates.",
    )

    def check(self) -> None:
        if any(len(link) > 2 for link in self.links):
            raise ValueError("a link has a URL and a text")


@dataclass(frozen=True, slots=True)
class Link:
    """URL and text, templates. Without a text the URL is shown."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Options:
    """For which service, and what to link to."""

    routing_key: str
    links: tuple[Link, ...]


class LinkSchema(Schema):
    """{"href": URL, "text": text}"""

    href = fields.String(load_default="", metadata={"doc": "The URL; a template."})
    text = fields.String(load_default="", metadata={"doc": "The text; a template."})

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Link:
        return Link(**data)


class OptionsSchema(Schema):
    """{"routing-key": key, "links": [link …]}"""

    routing_key = fields.String(
        data_key="routing-key",
        load_default="",
        metadata={"doc": "The routing key; that of the configuration unless set."},
    )
    links = fields.List(
        fields.Nested(LinkSchema),
        load_default=list,
        metadata={"doc": "Links of the incident: objects with href and text, both templates."},
    )

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(data["routing_key"], tuple(data["links"]))


@dataclass(frozen=True, kw_only=True)
class PagerDuty2:
    """[pagerduty2]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("https://events.pagerduty.com/v2/enqueue", Text, "The URL of its API.")
    routing_key: str = setting("", Text, "The routing key, unless the alert names one.", secret=True)
    global_: bool = setting(False, Flag, "Whether each alert without a pagerDuty2 handler is sent to it.", key="global")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        check_url(self.url)


def options_of(properties: PagerDuty2Properties) -> dict[str, Any]:
    """A script's properties as options."""
    links = [{"href": href, "text": text[0] if text else ""} for href, *text in properties.links]
    return {"routing-key": properties.routing_key or properties.service_key, "links": links}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Links must be templates."""
    for link in options.links:
        check_template(link.href, "href")
        check_template(link.text, "text")


OPTIONS = OptionsSchema()
SPEC = HandlerSpec(
    "pagerduty2",
    "PagerDuty2Handler",
    PagerDuty2Properties,
    __doc__ or "",
    options_of,
    start_check("PagerDuty2 handler", OPTIONS, check),
    method="pagerDuty2",
)
CONFIG_SECTIONS = {SECTION: schema_of(PagerDuty2)()}


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it."""
    return everywhere_of(section_of(sections, SECTION, PagerDuty2))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Trigger or resolve the incident of the event's id."""
    data = data_of(event)
    links = []
    for link in options.links:
        href = rendered(link.href, "href", data)
        links.append({"href": href, "text": rendered(link.text, "text", data) if link.text else href})
    section = enabled(section_of(around.sections, SECTION, PagerDuty2))
    key = options.routing_key or section.routing_key
    if not event.level:
        await _post(section, {"routing_key": key, "dedup_key": event.id, "event_action": "resolve"}, around)
        return
    body = _trigger(key, event.id, links, event.level, around)
    body["payload"] = _payload(
        event.message, event.tags.get("host", "unknown"), event.level, event.time, event.task, event.data().Data
    )
    await _post(section, body, around)


def _trigger(key: str, id: str, links: Sequence[Mapping[str, str]], level: int, around: Around) -> dict[str, Any]:
    return {
        "routing_key": key,
        "event_action": "trigger",
        "dedup_key": id,
        "payload": None,
        "images": None,
        "links": list(links) or None,
        "client": "kapacitor",
        "client_url": around.url,
    }


def _payload(summary: str, source: str, level: int, time: int, task: str, result: Any) -> dict[str, Any]:
    return {
        "summary": summary,
        "source": source,
        "severity": _SEVERITIES[level],
        "timestamp": from_nanoseconds(time),
        "class": task,
        "component": "",
        "group": "",
        "custom_details": {"result": result},
    }


async def _post(section: PagerDuty2, body: dict[str, Any], around: Around) -> None:
    answer = await around.post(section.url, _HEADERS, encoded(body))
    if answer.taken:
        return
    said, content = said_in(answer.body), answer.body.decode("utf-8", "replace")
    unclear = f"failed to understand PagerDuty2 response. code: {answer.status} content: {content}"
    message = said.get("message", unclear)
    errors = said.get("errors")
    listed = " ".join(map(str, errors)) if isinstance(errors, list) else ""
    raise answer.problem(f"Status: {said.get('status', '')}, Message: {message} Errors: [{listed}]")


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "alert_id": "testAlertID",
        "description": "test pagerduty2 message",
        "level": "CRITICAL",
        "event_data": {
            "Name": "testPagerDuty2",
            "TaskName": "",
            "Category": "",
            "Group": "",
            "Tags": {},
            "Fields": {},
            "Recoverable": False,
            "Result": {"series": None},
        },
        "timestamp": "2014-11-12T11:45:26.371Z",
        "links": [{"href": "https://example.com/a", "text": "a"}, {"href": "https://example.com/b", "text": "b"}],
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, PagerDuty2))
    level, id = level_of(given["level"]), given["alert_id"]
    if not level:
        await _post(section, {"routing_key": section.routing_key, "dedup_key": id, "event_action": "resolve"}, around)
        return
    time = to_nanoseconds(given["timestamp"])
    data = given["event_data"]
    tags = data.get("Tags") or {}
    body = _trigger(section.routing_key, id, given["links"], level, around)
    body["payload"] = _payload(
        given["description"],
        tags.get("host", "unknown"),
        level,
        time,
        data.get("TaskName", ""),
        data.get("Result") or {"series": None},
    )
    await _post(section, body, around)


TEST = ServiceTest("pagerduty2", _defaults, _try)
