"""pagerDuty: trigger an incident of PagerDuty, and resolve it when the alert is over. Its first API; see pagerDuty2.

Events of level INFO are not sent: PagerDuty has no such incidents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around, Refused
from services.alerting.outside import check_url, enabled, everywhere_of, options_of, post_json, section_of
from services.alerting.trial import ServiceTest, level_of
from services.pipeline.spec import HandlerSpec, Properties, Type, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "pagerduty"

_INFO = 1


@dataclass
class PagerDutyProperties(Properties):
    """For which service."""

    service_key: str = prop(Type.STRING, default="", doc="The service's key; that of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """For which service."""

    service_key: str = setting("", Text, "The service's key; that of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class PagerDuty:
    """[pagerduty]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("https://events.pagerduty.com/generic/2010-04-15/create_event.json", Text, "The URL of its API.")
    service_key: str = setting("", Text, "The service's key, unless the alert names one.", secret=True)
    global_: bool = setting(False, Flag, "Whether every alert without a pagerDuty handler is sent to it.", key="global")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        check_url(self.url)


SPEC = HandlerSpec("pagerduty", "PagerDutyHandler", PagerDutyProperties, __doc__ or "", options_of, method="pagerDuty")
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(PagerDuty)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it."""
    return everywhere_of(section_of(sections, SECTION, PagerDuty))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Trigger or resolve the incident of the event's id. An event of level INFO counts as handled."""
    if event.level == _INFO:
        enabled(section_of(around.sections, SECTION, PagerDuty))
        return
    await _send(options.service_key, event.id, event.message, event.level, event.details, around)


async def _send(key: str, incident: str, description: str, level: int, details: str, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, PagerDuty))
    if level == _INFO:
        raise Refused("AlertLevel 'info' is currently ignored by the PagerDuty service")
    body = {
        "service_key": key or section.service_key,
        "event_type": "trigger" if level else "resolve",
        "description": description,
        "incident_key": incident,
        "client": "kapacitor",
        "client_url": around.url,
        "details": details,
    }
    await post_json(around, section.url, body, "PagerDuty", key="message")


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "incident-key": "testIncidentKey",
        "description": "test pagerduty message",
        "details": "",
        "level": "CRITICAL",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    await _send("", given["incident-key"], given["description"], level_of(given["level"]), given["details"], around)


TEST = ServiceTest("pagerduty", _defaults, _try)
