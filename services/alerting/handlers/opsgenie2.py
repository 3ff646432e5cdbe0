"""opsGenie2: make an alert of OpsGenie, and add a note to it or close it when it is over. Its Alert API v2."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from marshmallow import ValidationError

from grammar.gotemplate.gojson import to_json
from schemas.config.fields import Flag, Text, Texts
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around, Refused, Unsent
from services.alerting.outside import check_url, enabled, everywhere_of, joined, post_json, section_of
from services.alerting.trial import ServiceTest, level_of
from services.engine.alerts.info import LEVELS
from services.pipeline.spec import HandlerSpec, Properties, Type, flag, prop, several

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "opsgenie2"

_PRIORITIES = ("", "P5", "P3", "P1")
_ACTIONS = ("close", "notes")


@dataclass
class OpsGenie2Properties(Properties):
    """Who is told, and what becomes of an alert that is over."""

    teams: list[str] = several(Type.STRING, doc="Teams; those of the configuration unless set.")
    recipients: list[str] = several(Type.STRING, doc="Recipients; those of the configuration unless set.")
    recovery_action: str = prop(
        Type.STRING,
        method=True,
        default="",
        doc="What is done when it is over, `notes` or `close`; the configuration's unless set.",
    )
    details: bool = flag(doc="Send the event's details as description, in place of its data.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who is told, and what becomes of an alert that is over."""

    teams_list: tuple[str, ...] = setting((), Texts, "Teams; those of the configuration unless set.")
    recipients_list: tuple[str, ...] = setting((), Texts, "Recipients; those of the configuration unless set.")
    recovery_action: str = setting(
        "",
        Text,
        "What is done when it is over, notes or close; that of the configuration unless set.",
        key="recovery_action",
    )
    details: bool = setting(False, Flag, "Whether the event's details are sent as description, in place of its data.")


@dataclass(frozen=True, kw_only=True)
class OpsGenie2:
    """[opsgenie2]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    api_key: str = setting("", Text, "The key of its API.", secret=True)
    teams: tuple[str, ...] | None = setting(None, Texts, "Teams, unless the alert names some.")
    recipients: tuple[str, ...] | None = setting(None, Texts, "Recipients, unless the alert names some.")
    url: str = setting("https://api.opsgenie.com/v2/alerts", Text, "The URL of its API.")
    recovery_action: str = setting(
        "notes", Text, "What is done with an alert that is over: notes or close.", key="recovery_action"
    )
    global_: bool = setting(
        False, Flag, "Whether every alert without an opsGenie2 handler is sent to it.", key="global"
    )

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        if not self.recovery_action:
            raise ValidationError("recovery_action cannot be empty")
        check_url(self.url)
        if self.enabled and not self.api_key:
            raise ValidationError("api-key cannot be empty")


def options_of(properties: OpsGenie2Properties) -> dict[str, Any]:
    """A script's properties as options."""
    return {
        "teams-list": properties.teams,
        "recipients-list": properties.recipients,
        "recovery_action": properties.recovery_action,
        "details": properties.details,
    }


SPEC = HandlerSpec("opsgenie2", "OpsGenie2Handler", OpsGenie2Properties, __doc__ or "", options_of, method="opsGenie2")
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(OpsGenie2)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken; an unknown recovery action counts as none."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it."""
    return everywhere_of(section_of(sections, SECTION, OpsGenie2))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the event; the alert's alias is its id in base64, which any character may be in."""
    if not event.level:
        await _recover(options.recovery_action, event.message, event.id, around)
        return
    result = event.data().Data
    about = {"Monitoring Tool": "Kapacitor", "Level": LEVELS[event.level]}
    if result.Series:
        about |= result.Series[0].Tags or {}
        about["Kapacitor Task Name"] = result.Series[0].Name
    description = event.details if options.details else to_json(result)
    who = options.teams_list, options.recipients_list
    await _alert(*who, event.level, event.message, event.id, description, about, around)


async def _alert(
    teams: Sequence[str],
    recipients: Sequence[str],
    level: int,
    message: str,
    entity: str,
    description: str,
    about: Mapping[str, str],
    around: Around,
) -> None:
    section = _enabled(around)
    responders = [{"name": name, "type": "team"} for name in teams or section.teams or ()]
    responders += [{"username": name, "type": "user"} for name in recipients or section.recipients or ()]
    body: dict[str, Any] = {
        "entity": entity,
        "alias": _alias(entity),
        "message": message,
        "note": "",
        "priority": _PRIORITIES[level],
        "description": description,
        "details": dict(about),
    }
    await _post(section.url, body | ({"responders": responders} if responders else {}), section, around)


async def _recover(action: str, message: str, entity: str, around: Around) -> None:
    section = _enabled(around)
    known = [one for one in (action, section.recovery_action, "notes") if one in _ACTIONS]
    url = urlsplit(joined(section.url, _alias(entity), known[0]))
    await _post(urlunsplit(url._replace(query="identifierType=alias")), {"note": message}, section, around)


async def _post(url: str, body: Mapping[str, Any], section: OpsGenie2, around: Around) -> None:
    headers = {"Authorization": f"GenieKey {section.api_key}"}
    try:
        await post_json(around, url, body, "OpsGenie", key="message", headers=headers)
    except Refused as problem:
        raise Refused(f"opsgenie error: {problem}") from problem
    except Unsent as problem:
        raise Unsent(f"opsgenie error: {problem}", problem.wait) from problem


def _enabled(around: Around) -> OpsGenie2:
    try:
        return enabled(section_of(around.sections, SECTION, OpsGenie2))
    except Refused as problem:
        raise Refused(f"failed to prepare API request: {problem}") from None


def _alias(entity: str) -> str:
    return base64.urlsafe_b64encode(entity.encode("utf-8", "replace")).decode()


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    section = section_of(sections, SECTION, OpsGenie2)
    return {
        "teams": None if section.teams is None else list(section.teams),
        "recipients": None if section.recipients is None else list(section.recipients),
        "recovery_action": section.recovery_action,
        "message-type": "CRITICAL",
        "message": "test opsgenie message",
        "entity-id": "testEntityID",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    level = 0 if given["message-type"] == "RECOVERY" else level_of(given["message-type"])
    message, entity = given["message"], given["entity-id"]
    if not level:
        await _recover(given["recovery_action"], message, entity, around)
        return
    about = {"Monitoring Tool": "Kapacitor", "Level": LEVELS[level]}
    who = given["teams"] or (), given["recipients"] or ()
    await _alert(*who, level, message, entity, '{"series":null}', about, around)


TEST = ServiceTest("opsgenie2", _defaults, _try)
