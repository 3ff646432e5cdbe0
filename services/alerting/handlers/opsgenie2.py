"""opsGenie2: make an alert of OpsGenie, and add a note to it or close it when it is over. Its Alert API v2."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

from marshmallow import ValidationError

from grammar.golang.json_writer import to_json
from schemas.config.fields import Flag, Text, Texts
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
from services.alerting.declarations.sections import Section, check_url
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, joined
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent
from services.alertlog.info import LEVELS

_PRIORITIES = ("", "P5", "P3", "P1")
_ACTIONS = ("close", "notes")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who is told, and what becomes of an alert that is over."""

    teams_list: tuple[str, ...] = option(
        "Teams", Texts, configured="some", test=CONFIGURED, script=ScriptProperty("teams")
    )
    recipients_list: tuple[str, ...] = option(
        "Recipients", Texts, configured="some", test=CONFIGURED, script=ScriptProperty("recipients")
    )
    recovery_action: str = option(
        "What is done when it is over, `notes` or `close`",
        key="recovery_action",
        configured="one",
        test=CONFIGURED,
        script=ScriptProperty(method=True),
    )
    details: bool = option("Send the event's details as description, in place of its data", Flag, configured="one")


@dataclass(frozen=True, kw_only=True)
class OpsGenie2:
    """[opsgenie2]"""

    enabled: bool = common.enabled()
    api_key: str = setting("", Text, "The key of its API.", secret=True)
    teams: tuple[str, ...] | None = configured(Options, "teams_list", None)
    recipients: tuple[str, ...] | None = configured(Options, "recipients_list", None)
    url: str = setting("https://api.opsgenie.com/v2/alerts", Text, "The URL of its API.")
    recovery_action: str = configured(Options, "recovery_action", "notes")
    details: bool = configured(Options, "details", later=True)
    global_: bool = common.every_alert("an opsGenie2")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        if not self.recovery_action:
            raise ValidationError("recovery_action cannot be empty")
        check_url(self.url)
        if self.enabled and not self.api_key:
            raise ValidationError("api-key cannot be empty")


SECTION = Section("opsgenie2", OpsGenie2)


class OpsGenie2Handler(HttpService[Options]):
    """The alert's alias is the event's id in base64, which any character may be in.

    An unknown recovery action counts as none.
    """

    kind, method = "opsgenie2", "opsGenie2"
    type_name = "OpsGenie2Handler"
    options = Options
    section = SECTION
    service, error_key = "OpsGenie", "message"
    test_options: ClassVar[Mapping[str, Any]] = {
        "teams": Of("teams_list"),
        "recipients": Of("recipients_list"),
        "recovery_action": Of("recovery_action"),
        "message-type": "CRITICAL",
        "message": "test opsgenie message",
        "entity-id": "testEntityID",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        if not event.level:
            await self._recover(options, event.message, event.id, context)
            return
        result = event.data().Data
        about = {"Monitoring Tool": "Kapacitor", "Level": LEVELS[event.level]}
        if result.Series:
            about |= result.Series[0].Tags or {}
            about["Kapacitor Task Name"] = result.Series[0].Name
        as_text = options.details or (_enabled(context).details and event.details)
        description = event.details if as_text else to_json(result)
        await self._alert(options, event.level, event.message, event.id, description, about, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options = options_tested(self.test_options, Options, given)
        level = 0 if given["message-type"] == "RECOVERY" else level_of(given["message-type"])
        message, entity = given["message"], given["entity-id"]
        if not level:
            await self._recover(options, message, entity, context)
            return
        about = {"Monitoring Tool": "Kapacitor", "Level": LEVELS[level]}
        await self._alert(options, level, message, entity, '{"series":null}', about, context)

    async def _alert(
        self,
        options: Options,
        level: int,
        message: str,
        entity: str,
        description: str,
        about: Mapping[str, str],
        context: HandlerContext,
    ) -> None:
        section = _enabled(context)
        to = with_configured(options, section)
        responders = [{"name": name, "type": "team"} for name in to.teams_list or ()]
        responders += [{"username": name, "type": "user"} for name in to.recipients_list or ()]
        body: dict[str, Any] = {
            "entity": entity,
            "alias": _alias(entity),
            "message": message,
            "note": "",
            "priority": _PRIORITIES[level],
            "description": description,
            "details": dict(about),
        }
        body |= {"responders": responders} if responders else {}
        await self._post(section.url, body, section, context)

    async def _recover(self, options: Options, message: str, entity: str, context: HandlerContext) -> None:
        section = _enabled(context)
        known = [one for one in (options.recovery_action, section.recovery_action, "notes") if one in _ACTIONS]
        url = urlsplit(joined(section.url, _alias(entity), known[0]))
        url = url._replace(query="identifierType=alias")
        await self._post(urlunsplit(url), {"note": message}, section, context)

    async def _post(self, url: str, body: Mapping[str, Any], section: OpsGenie2, context: HandlerContext) -> None:
        try:
            await self.post(context, url, body, section, {"Authorization": f"GenieKey {section.api_key}"})
        except Rejected as problem:
            raise Rejected(f"opsgenie error: {problem}") from problem
        except Unsent as problem:
            raise Unsent(f"opsgenie error: {problem}", problem.wait) from problem


def _enabled(context: HandlerContext) -> OpsGenie2:
    try:
        return SECTION.enabled(context.sections)
    except Rejected as problem:
        raise Rejected(f"failed to prepare API request: {problem}") from None


def _alias(entity: str) -> str:
    return base64.urlsafe_b64encode(entity.encode("utf-8", "replace")).decode()


HANDLER = OpsGenie2Handler()
