"""alerta: make an alert of Alerta of each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from marshmallow import fields

from grammar.golang.durations import parse_go_duration
from schemas.config.fields import Duration, Text, Texts, Whole
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import (
    CONFIGURED,
    Of,
    ScriptProperty,
    configured,
    option,
    options_tested,
    with_configured,
)
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.declarations.templates import rendered
from services.alerting.errors import Rejected
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, joined
from services.alerting.topics.alert_event import AlertEvent
from services.pipeline.spec import Type

_DAY = 24 * 3600 * 10**9
_SEVERITIES = ("ok", "informational", "warning", "critical")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the alert is about; timeout in ns."""

    token: str = option("The token to log in with", configured="one")
    token_prefix: str = option("What stands before the token", configured="one", script=None)
    resource: str = option(
        "The resource", default="{{ .Name }}", unless="{{ .Name }}", template=True, test="testResource"
    )
    event: str = option("The event", default="{{ .ID }}", unless="{{ .ID }}", template=True, test="testEvent")
    environment: str = option("The environment", configured="one", template=True, test=CONFIGURED)
    group: str = option("The group", default="{{ .Group }}", unless="{{ .Group }}", template=True, test="testGroup")
    value: str = option("The value", template=True, test="testValue")
    origin: str = option("What the alert comes from", configured="something", test=CONFIGURED)
    service: tuple[str, ...] = option(
        "The services affected",
        Texts,
        unless="the measurement",
        template=True,
        test=("testServiceA", "testServiceB"),
        script=ScriptProperty("services"),
    )
    correlate: tuple[str, ...] = option(
        "Other events that are correlated", Texts, template=True, script=ScriptProperty("correlated")
    )
    attributes: Mapping[str, Any] = option(
        "Attributes of the alert by name", fields.Dict, template=True, script=ScriptProperty("attribute")
    )
    timeout: int = option(
        "After which the alert expires, in ns", Whole, _DAY, unless="24h", script=ScriptProperty(type=Type.DURATION)
    )


@dataclass(frozen=True, kw_only=True)
class Alerta:
    """[alerta]"""

    enabled: bool = common.enabled()
    url: str = setting("", Text, "The URL of Alerta's API.")
    insecure_skip_verify: bool = common.insecure_skip_verify()
    token: str = configured(Options, "token", secret=True)
    token_prefix: str = setting("", Text, "What stands before the token; empty: Bearer.")
    environment: str = configured(Options, "environment")
    origin: str = configured(Options, "origin")
    timeout: float = setting(0.0, Duration, "Of no effect: an alert's timeout is what it says, or 24h.")

    def __post_init__(self) -> None:
        must(self, url="must specify url")
        check_url(self.url)


SECTION = Section("alerta", Alerta)


class AlertaHandler(HttpService[Options]):
    """The alert has the event's tags, and its data as raw data."""

    kind = "alerta"
    type_name = "AlertaHandler"
    created_as = "Alerta handler"
    options = Options
    section = SECTION
    service, error_key = "Alerta", "message"
    test_options: ClassVar[Mapping[str, Any]] = {
        "resource": Of("resource"),
        "event": Of("event"),
        "environment": Of("environment"),
        "severity": "critical",
        "group": Of("group"),
        "value": Of("value"),
        "message": "test alerta message",
        "origin": Of("origin"),
        "service": Of("service"),
        "timeout": "24h0m0s",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        about = rendered(options, event)
        body = _texts(about, _SEVERITIES[event.level], event.message)
        body |= {"origin": about.origin, "rawData": event.data().Data}
        body["tags"] = [f"{name}={value}" for name, value in sorted(event.tags.items())]
        body |= {"correlate": list(about.correlate)} if about.correlate else {}
        body |= {"attributes": dict(about.attributes)} if about.attributes else {}
        await self._send(body, about, about.service or (event.name,), context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        about = options_tested(self.test_options, Options, given)
        body = _texts(about, given["severity"], given["message"])
        body |= {"origin": about.origin, "rawData": {"series": None}, "tags": []}
        timeout = parse_go_duration(given["timeout"])
        await self._send(body, replace(about, timeout=timeout), about.service, context)

    async def _send(
        self, body: dict[str, Any], options: Options, services: tuple[str, ...], context: HandlerContext
    ) -> None:
        if not body["resource"] or not body["event"]:
            raise Rejected("Resource and Event are required to send an alert")
        section = SECTION.enabled(context.sections)
        about = with_configured(options, section)
        body |= {"environment": about.environment, "origin": about.origin}
        body |= {"service": list(services)} if services else {}
        body["timeout"] = options.timeout // 10**9
        prefix = options.token_prefix or section.token_prefix or "Bearer"
        login = {"Authorization": f"{prefix} {about.token}"}
        await self.post(context, joined(section.url, "alert"), body, section, login)


def _texts(about: Options, severity: str, message: str) -> dict[str, Any]:
    return {
        "resource": about.resource,
        "event": about.event,
        "environment": about.environment,
        "group": about.group,
        "value": about.value,
        "severity": severity,
        "text": message,
    }


HANDLER = AlertaHandler()
