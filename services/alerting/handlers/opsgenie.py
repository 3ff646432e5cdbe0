"""opsGenie: make an alert of OpsGenie, and a note to it when it is over. Its first API; see opsGenie2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError

from grammar.golang.json_writer import to_json
from schemas.config.fields import Text, Texts
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
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService
from services.alerting.topics.alert_event import AlertEvent
from services.alertlog.info import LEVELS

_RECOVERY = "RECOVERY"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who is told."""

    teams_list: tuple[str, ...] = option(
        "Teams", Texts, configured="some", test=CONFIGURED, script=ScriptProperty("teams")
    )
    recipients_list: tuple[str, ...] = option(
        "Recipients", Texts, configured="some", test=CONFIGURED, script=ScriptProperty("recipients")
    )


@dataclass(frozen=True, kw_only=True)
class OpsGenie:
    """[opsgenie]"""

    enabled: bool = common.enabled()
    api_key: str = setting("", Text, "The key of its API.", secret=True)
    teams: tuple[str, ...] | None = configured(Options, "teams_list", None)
    recipients: tuple[str, ...] | None = configured(Options, "recipients_list", None)
    url: str = setting("https://api.opsgenie.com/v1/json/alert", Text, "The URL of its API.")
    recovery_url: str = setting(
        "https://api.opsgenie.com/v1/json/alert/note", Text, "The URL for alerts that are over.", key="recovery_url"
    )
    global_: bool = common.every_alert("an opsGenie")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        if not self.recovery_url:
            raise ValidationError("recovery_url cannot be empty")
        check_url(self.url)
        check_url(self.recovery_url)
        if self.enabled and not self.api_key:
            raise ValidationError("api-key cannot be empty")


SECTION = Section("opsgenie", OpsGenie)


class OpsGenieHandler(HttpService[Options]):
    """The alert's alias is the event's id."""

    kind, method = "opsgenie", "opsGenie"
    type_name = "OpsGenieHandler"
    options = Options
    section = SECTION
    service, error_key = "OpsGenie", "message"
    test_options: ClassVar[Mapping[str, Any]] = {
        "teams": Of("teams_list"),
        "recipients": Of("recipients_list"),
        "message-type": "CRITICAL",
        "message": "test opsgenie message",
        "entity-id": "testEntityID",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        kind = LEVELS[event.level] if event.level else _RECOVERY
        await self._send(options, kind, event.message, event.id, event.data().Data, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options = options_tested(self.test_options, Options, given)
        what = given["message-type"], given["message"], given["entity-id"]
        await self._send(options, *what, {"series": None}, context)

    async def _send(
        self, options: Options, kind: str, message: str, entity: str, result: Any, context: HandlerContext
    ) -> None:
        section = SECTION.enabled(context.sections)
        to = with_configured(options, section)
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
        body |= {"teams": list(to.teams_list)} if to.teams_list else {}
        body |= {"recipients": list(to.recipients_list)} if to.recipients_list else {}
        url = section.recovery_url if kind == _RECOVERY else section.url
        await self.post(context, f"{url}/", body, section)


HANDLER = OpsGenieHandler()
