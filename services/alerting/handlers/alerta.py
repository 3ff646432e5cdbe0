"""alerta: make an alert of Alerta of each event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from schemas.config.fields import Duration, Flag, Text, Texts, Whole
from schemas.config.section import schema_of, setting
from schemas.duration import parse_go_duration
from services.alerting.handler import Around, Refused
from services.alerting.http import Tls
from services.alerting.outside import (
    check_template,
    check_url,
    data_of,
    enabled,
    joined,
    post_json,
    rendered,
    section_of,
    start_check,
)
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties, Type, prop, putting, several

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "alerta"

_RESOURCE, _EVENT, _GROUP = "{{ .Name }}", "{{ .ID }}", "{{ .Group }}"
_DAY = 24 * 3600 * 10**9
_SEVERITIES = ("ok", "informational", "warning", "critical")
_TEMPLATES = ("resource", "event", "environment", "group", "value")


@dataclass
class AlertaProperties(Properties):
    """What the alert is about."""

    token: str = prop(Type.STRING, default="", doc="The token to log in with; the configuration's unless set.")
    resource: str = prop(Type.STRING, default="", doc="The resource; a template, `{{ .Name }}` unless set.")
    event: str = prop(Type.STRING, default="", doc="The event; a template, `{{ .ID }}` unless set.")
    environment: str = prop(Type.STRING, default="", doc="The environment; a template, the configuration's unless set.")
    group: str = prop(Type.STRING, default="", doc="The group; a template, `{{ .Group }}` unless set.")
    value: str = prop(Type.STRING, default="", doc="The value; a template.")
    origin: str = prop(Type.STRING, default="", doc="What the alert comes from; the configuration's unless set.")
    services: list[str] = several(Type.STRING, doc="The services affected; templates, the measurement unless set.")
    correlated: list[str] = several(Type.STRING, doc="Other events that are correlated; templates.")
    attributes: dict[str, Any] = putting(
        Type.ANY, name="attribute", doc="An attribute of the alert; one that is a string is a template."
    )
    timeout: int = prop(Type.DURATION, default=0, doc="After which the alert expires; 24h unless set.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the alert is about; timeout in ns."""

    token: str = setting("", Text, "The token to log in with; that of the configuration unless set.")
    token_prefix: str = setting("", Text, "What stands before the token; that of the configuration unless set.")
    resource: str = setting(_RESOURCE, Text, "The resource; a template, {{ .Name }} unless set.")
    event: str = setting(_EVENT, Text, "The event; a template, {{ .ID }} unless set.")
    environment: str = setting("", Text, "The environment; a template, that of the configuration unless set.")
    group: str = setting(_GROUP, Text, "The group; a template, {{ .Group }} unless set.")
    value: str = setting("", Text, "The value; a template.")
    origin: str = setting("", Text, "What the alert comes from; that of the configuration unless set.")
    service: tuple[str, ...] = setting((), Texts, "The services affected; templates, the measurement unless set.")
    correlate: tuple[str, ...] = setting((), Texts, "Other events that are correlated; templates.")
    attributes: Mapping[str, Any] = setting(
        MappingProxyType({}), fields.Dict, "Attributes of the alert by name; those that are strings are templates."
    )
    timeout: int = setting(_DAY, Whole, "After how many ns the alert expires; a day unless set.")


@dataclass(frozen=True, kw_only=True)
class Alerta:
    """[alerta]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("", Text, "The URL of Alerta's API.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")
    token: str = setting("", Text, "The token to log in with, unless the alert names one.", secret=True)
    token_prefix: str = setting("", Text, "What stands before the token; empty: Bearer.")
    environment: str = setting("", Text, "The environment, unless the alert names one.")
    origin: str = setting("", Text, "What alerts come from, unless the alert names something.")
    timeout: float = setting(0.0, Duration, "Of no effect: an alert's timeout is what it says, or 24h.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify url")
        check_url(self.url)


def options_of(properties: AlertaProperties) -> dict[str, Any]:
    """A script's properties as options."""
    return {
        "token": properties.token,
        "resource": properties.resource or _RESOURCE,
        "event": properties.event or _EVENT,
        "environment": properties.environment,
        "group": properties.group or _GROUP,
        "value": properties.value,
        "origin": properties.origin,
        "service": properties.services,
        "correlate": properties.correlated,
        "attributes": dict(properties.attributes),
        "timeout": properties.timeout or _DAY,
    }


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """What are templates must be such."""
    for name in _TEMPLATES:
        check_template(getattr(options, name), name)
    for service in options.service:
        check_template(service, "service")
    for one in options.correlate:
        check_template(one, "correlate")
    for name, value in options.attributes.items():
        if isinstance(value, str):
            check_template(value, name)


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec(
    "alerta",
    "AlertaHandler",
    AlertaProperties,
    __doc__ or "",
    options_of,
    start_check("Alerta handler", OPTIONS, check),
)
CONFIG_SECTIONS = {SECTION: schema_of(Alerta)()}


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the event."""
    data = data_of(event)
    texts = {name: rendered(getattr(options, name), name, data) for name in _TEMPLATES}
    body: dict[str, Any] = {
        **texts,
        "severity": _SEVERITIES[event.level],
        "text": event.message,
        "origin": options.origin,
        "rawData": event.data().Data,
        "tags": [f"{name}={value}" for name, value in sorted(event.tags.items())],
    }
    services = [rendered(one, "service", data) for one in options.service] or [event.name]
    if options.correlate:
        body["correlate"] = [rendered(one, "correlate", data) for one in options.correlate]
    if options.attributes:
        body["attributes"] = {
            name: rendered(value, name, data) if isinstance(value, str) else value
            for name, value in options.attributes.items()
        }
    await _send(body, services, options.timeout, (options.token_prefix, options.token), around)


async def _send(
    body: dict[str, Any], services: Sequence[str], timeout: int, login: tuple[str, str], around: Around
) -> None:
    if not body["resource"] or not body["event"]:
        raise Refused("Resource and Event are required to send an alert")
    section = enabled(section_of(around.sections, SECTION, Alerta))
    prefix, token = login[0] or section.token_prefix or "Bearer", login[1] or section.token
    body["environment"] = body["environment"] or section.environment
    body["origin"] = body["origin"] or section.origin
    body |= {"service": list(services)} if services else {}
    body["timeout"] = timeout // 10**9
    await post_json(
        around,
        joined(section.url, "alert"),
        body,
        "Alerta",
        key="message",
        headers={"Authorization": f"{prefix} {token}"},
        tls=Tls(not section.insecure_skip_verify),
    )


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    section = section_of(sections, SECTION, Alerta)
    return {
        "resource": "testResource",
        "event": "testEvent",
        "environment": section.environment,
        "severity": "critical",
        "group": "testGroup",
        "value": "testValue",
        "message": "test alerta message",
        "origin": section.origin,
        "service": ["testServiceA", "testServiceB"],
        "timeout": "24h0m0s",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    body = {name: given[name] for name in (*_TEMPLATES, "severity", "origin")}
    body |= {"text": given["message"], "rawData": {"series": None}, "tags": []}
    await _send(body, given["service"], parse_go_duration(given["timeout"]), ("", ""), around)


TEST = ServiceTest("alerta", _defaults, _try)
