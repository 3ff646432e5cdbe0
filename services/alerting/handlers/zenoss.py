"""zenoss: add each event to the event console of Zenoss."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from grammar.gotemplate import Duration, Level, Struct, Time
from schemas.config.fields import Text, Whole
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
from services.alerting.declarations.sections import Section, Sections, check_url, must
from services.alerting.declarations.templates import rendered_with
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, basic, cut, keep_credentials
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent
from services.process.permissions import Guard

_LEVELS = ("OK", "Info", "Warning", "Critical")
_SUMMARY, _MESSAGE = 256, 4096  # bytes
_SEVERITIES: Mapping[str, Any] = MappingProxyType(
    {"OK": "Clear", "Info": "Info", "Warning": "Warning", "Critical": "Critical"}
)


class EventInfo(Struct, go="zenoss.info"):
    """What templates see."""

    Name: str
    TaskName: str
    ID: str
    Message: str
    Details: str
    Time: Time
    Duration: Duration
    Level: Level
    Recoverable: bool
    Tags: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is called, and what the event is about."""

    url: str = option("The URL of the API", configured="one", script=ScriptProperty("URL"))
    username: str = option("The user to log in as", configured="one")
    password: str = option("That user's password")
    action: str = option("The router that is called", configured="one", test=CONFIGURED)
    method: str = option("Its method", configured="one", test=CONFIGURED)
    type: str = option("The type of the call", configured="one", test=CONFIGURED)
    tid: int = option("The number of the call", Whole, configured="one", test=CONFIGURED)
    summary: str = option(
        "The summary", template=True, unless="the message", script=ScriptProperty(default="{{ .Message }}")
    )
    device: str = option("The device", template=True)
    component: str = option("The device's component", template=True)
    eventclasskey: str = option("The key of the event's class", template=True, script=ScriptProperty("eventClassKey"))
    eventclass: str = option("The event's class", template=True, script=ScriptProperty("eventClass"))
    collector: str = option("The collector", configured="one", template=True, test=CONFIGURED)
    message: str = option("The message", template=True)
    custom_fields: Mapping[str, Any] = option(
        "Further fields by name; what gives JSON is taken as such",
        fields.Dict,
        key="customfield",
        template=True,
        test=MappingProxyType({}),
        script=ScriptProperty("customField"),
    )


class Severities(fields.Field[Mapping[str, Any]]):
    """What Zenoss calls each level: a table with OK, Info, Warning and Critical, which may be left out."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError("must be a table")
        by_lower = {level.lower(): level for level in _LEVELS}
        unknown = [name for name in value if name.lower() not in by_lower]
        if unknown:
            raise ValidationError(f"Unknown field {unknown[0]} for SeverityMap")
        return {**_SEVERITIES, **{by_lower[name.lower()]: severity for name, severity in value.items()}}

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(value)


@dataclass(frozen=True, kw_only=True)
class Zenoss:
    """[zenoss]"""

    enabled: bool = common.enabled()
    url: str = configured(Options, "url", "https://tenant.zenoss.io:8080/zport/dmd/evconsole_router")
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    action: str = configured(Options, "action", "EventsRouter")
    method: str = configured(Options, "method", "add_event")
    type: str = configured(Options, "type", "rpc")
    tid: int = configured(Options, "tid", 1)
    collector: str = configured(Options, "collector", "Kapacitor")
    severity_map: Mapping[str, Any] = setting(_SEVERITIES, Severities, "What Zenoss calls each level.")
    global_: bool = common.every_alert("a zenoss")
    state_changes_only: bool = common.state_changes_only()

    def __post_init__(self) -> None:
        must(self, url="must specify events URL")
        check_url(self.url)


SECTION = Section("zenoss", Zenoss)


class ZenossHandler(HttpService[Options]):
    """An event of the console is added by a call of Zenoss's API."""

    kind = "zenoss"
    type_name = "ZenossHandler"
    created_as = "Zenoss handler"
    options = Options
    section = SECTION
    service = "Zenoss"
    test_options: ClassVar[Mapping[str, Any]] = {
        "alert_id": "1001",
        "level": "CRITICAL",
        "message": "test zenoss message",
        "action": Of("action"),
        "method": Of("method"),
        "type": Of("type"),
        "tid": Of("tid"),
        "summary": Of("summary"),
        "device": Of("device"),
        "component": Of("component"),
        "eventclasskey": Of("eventclasskey"),
        "eventclass": Of("eventclass"),
        "collector": Of("collector"),
        "custom_fields": Of("custom_fields"),
    }

    def permitted(self, options: Options, sections: Sections, guard: Guard) -> None:
        """The configuration's credentials are for its own URL."""
        if not options.username:
            guard.keeps(options.url, SECTION.of(sections).url)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        info = EventInfo(
            event.name,
            event.task,
            event.id,
            event.message,
            event.details,
            Time(event.time),
            Duration(event.duration),
            Level(event.level),
            event.recoverable,
            dict(event.tags),
        )
        await self._send(options, info, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options, level = options_tested(self.test_options, Options, given), Level(level_of(given["level"]))
        info = EventInfo("", "", given["alert_id"], given["message"], "", Time(0), Duration(0), level, False, {})
        await self._send(options, info, context)

    async def _send(self, options: Options, info: EventInfo, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections)
        about = with_configured(rendered_with(options, info), section)
        event: dict[str, Any] = {
            "summary": cut(about.summary or info.Message, _SUMMARY),
            "device": about.device,
            "component": about.component,
            "severity": section.severity_map[_LEVELS[info.Level]],
            "evclasskey": about.eventclasskey,
            "evclass": about.eventclass,
        }
        further = {"collector": about.collector, "message": cut(about.message, _MESSAGE)}
        event |= {name: value for name, value in further.items() if value}
        event |= {name: _perhaps_json(value) for name, value in about.custom_fields.items()}
        body = {"action": about.action, "method": about.method, "data": [event], "type": about.type, "tid": about.tid}
        if not options.username:
            keep_credentials(context.guard, options.url, section.url)
        user = options if options.username else section
        await self.post(context, about.url, body, section, basic(user.username, user.password))


def _perhaps_json(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


HANDLER = ZenossHandler()
