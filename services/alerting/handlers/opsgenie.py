"""opsGenie: make an alert of OpsGenie, and a note to it when it is over. Its first API; see opsGenie2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from grammar.gotemplate.gojson import to_json
from schemas.config.fields import Flag, Text, Texts
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import check_url, enabled, everywhere_of, post_json, section_of
from services.alerting.trial import ServiceTest
from services.engine.alerts.info import LEVELS
from services.pipeline.spec import HandlerSpec, Properties, Type, several

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "opsgenie"

_RECOVERY = "RECOVERY"


@dataclass
class OpsGenieProperties(Properties):
    """Who is told."""

    teams: list[str] = several(Type.STRING, doc="Teams; those of the configuration unless set.")
    recipients: list[str] = several(Type.STRING, doc="Recipients; those of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who is told."""

    teams_list: tuple[str, ...] = setting((), Texts, "Teams; those of the configuration unless set.")
    recipients_list: tuple[str, ...] = setting((), Texts, "Recipients; those of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class OpsGenie:
    """[opsgenie]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    api_key: str = setting("", Text, "The key of its API.", secret=True)
    teams: tuple[str, ...] | None = setting(None, Texts, "Teams, unless the alert names some.")
    recipients: tuple[str, ...] | None = setting(None, Texts, "Recipients, unless the alert names some.")
    url: str = setting("https://api.opsgenie.com/v1/json/alert", Text, "The URL of its API.")
    recovery_url: str = setting(
        "https://api.opsgenie.com/v1/json/alert/note", Text, "The URL for alerts that are over.", key="recovery_url"
    )
    global_: bool = setting(False, Flag, "Whether every alert without an opsGenie handler is sent to it.", key="global")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        if not self.recovery_url:
            raise ValidationError("recovery_url cannot be empty")
        check_url(self.url)
        check_url(self.recovery_url)
        if self.enabled and not self.api_key:
            raise ValidationError("api-key cannot be empty")


def options_of(properties: OpsGenieProperties) -> dict[str, Any]:
    """A script's properties as options."""
    return {"teams-list": properties.teams, "recipients-list": properties.recipients}


SPEC = HandlerSpec("opsgenie", "OpsGenieHandler", OpsGenieProperties, __doc__ or "", options_of, method="opsGenie")
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(OpsGenie)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it."""
    return everywhere_of(section_of(sections, SECTION, OpsGenie))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the event; the alert's alias is its id."""
    kind = LEVELS[event.level] if event.level else _RECOVERY
    who = options.teams_list, options.recipients_list
    await _send(*who, kind, event.message, event.id, event.data().Data, around)


async def _send(
    teams: Sequence[str],
    recipients: Sequence[str],
    kind: str,
    message: str,
    entity: str,
    result: Any,
    around: Around,
) -> None:
    section = enabled(section_of(around.sections, SECTION, OpsGenie))
    body: dict[str, Any] = {
        "apiKey": section.api_key,
        "entity": entity,
        "alias": entity,
        "message": message,
        "note": message if kind == _RECOVERY else "",
        "monitoring_tool": "kapacitor",
        "details": {"Level": kind, "Monitoring Tool": "Kapacitor"},
        "description": to_json(result),
    }
    teams, recipients = teams or section.teams or (), recipients or section.recipients or ()
    body |= {"teams": list(teams)} if teams else {}
    body |= {"recipients": list(recipients)} if recipients else {}
    url = section.recovery_url if kind == _RECOVERY else section.url
    await post_json(around, f"{url}/", body, "OpsGenie", key="message")


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    section = section_of(sections, SECTION, OpsGenie)
    return {
        "teams": None if section.teams is None else list(section.teams),
        "recipients": None if section.recipients is None else list(section.recipients),
        "message-type": "CRITICAL",
        "message": "test opsgenie message",
        "entity-id": "testEntityID",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    who = given["teams"] or (), given["recipients"] or ()
    await _send(*who, given["message-type"], given["message"], given["entity-id"], {"series": None}, around)


TEST = ServiceTest("opsgenie", _defaults, _try)
