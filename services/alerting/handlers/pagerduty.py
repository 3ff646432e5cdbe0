"""pagerDuty: trigger an incident of PagerDuty, and resolve it when the alert is over. Its first API; see pagerDuty2.

Events of level INFO are not sent: PagerDuty has no such incidents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError

from schemas.config.fields import Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import configured, option, with_configured
from services.alerting.declarations.sections import Section, check_url
from services.alerting.errors import Rejected
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent

_INFO = 1


@dataclass(frozen=True, kw_only=True)
class Options:
    """For which service."""

    service_key: str = option("The service's key", configured="one")


@dataclass(frozen=True, kw_only=True)
class PagerDuty:
    """[pagerduty]"""

    enabled: bool = common.enabled()
    url: str = setting("https://events.pagerduty.com/generic/2010-04-15/create_event.json", Text, "The URL of its API.")
    service_key: str = configured(Options, "service_key", secret=True)
    global_: bool = common.every_alert("a pagerDuty")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        check_url(self.url)


SECTION = Section("pagerduty", PagerDuty)


class PagerDutyHandler(HttpService[Options]):
    """The incident's key is the event's id. An event of level INFO counts as handled."""

    kind, method = "pagerduty", "pagerDuty"
    type_name = "PagerDutyHandler"
    options = Options
    section = SECTION
    service, error_key = "PagerDuty", "message"
    test_options: ClassVar[Mapping[str, Any]] = {
        "incident-key": "testIncidentKey",
        "description": "test pagerduty message",
        "details": "",
        "level": "CRITICAL",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        if event.level == _INFO:
            SECTION.enabled(context.sections)
            return
        await self._send(options, event.id, event.message, event.level, event.details, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        incident, level = given["incident-key"], level_of(given["level"])
        await self._send(Options(), incident, given["description"], level, given["details"], context)

    async def _send(
        self, options: Options, incident: str, description: str, level: int, details: str, context: HandlerContext
    ) -> None:
        section = SECTION.enabled(context.sections)
        if level == _INFO:
            raise Rejected("AlertLevel 'info' is currently ignored by the PagerDuty service")
        body = {
            "service_key": with_configured(options, section).service_key,
            "event_type": "trigger" if level else "resolve",
            "description": description,
            "incident_key": incident,
            "client": "kapacitor",
            "client_url": context.url,
            "details": details,
        }
        await self.post(context, section.url, body, section)


HANDLER = PagerDutyHandler()
