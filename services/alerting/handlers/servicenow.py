"""serviceNow: make an event of ServiceNow's event management of each event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import fields

from grammar.golang.json_writer import to_json
from grammar.gotemplate import Struct
from schemas.config.fields import Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import (
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

_SEVERITIES = ("5", "5", "4", "1")
_SHORT, _KEY, _LONG = 100, 1024, 4000  # bytes


class EventInfo(Struct, go="servicenow.dataInfo"):
    """What templates see."""

    ID: str
    Name: str
    TaskName: str
    Fields: dict[str, object]
    Tags: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and what the event is about."""

    url: str = option("The URL of the API", configured="one", script=ScriptProperty("URL"))
    username: str = option("The user to log in as", configured="one")
    password: str = option("That user's password")
    source: str = option("What the event comes from", configured="something", test="Kapacitor")
    node: str = option("The node it is about", template=True)
    type: str = option("The type of the metric", template=True)
    resource: str = option("The node's resource that it is about", template=True)
    metric_name: str = option("The name of the metric", template=True)
    message_key: str = option("What events of one cause share", template=True, unless="the id")
    additional_info: Mapping[str, Any] = option("More to tell, by name", fields.Dict, template=True)


@dataclass(frozen=True, kw_only=True)
class ServiceNow:
    """[servicenow]"""

    enabled: bool = common.enabled()
    url: str = setting("", Text, "The URL of the API: https://NAME.service-now.com/api/now/v1/table/em_event.")
    source: str = configured(Options, "source")
    username: str = setting("", Text, "The user to log in as; empty: none.")
    password: str = setting("", Text, "That user's password.", secret=True)
    global_: bool = common.every_alert("a serviceNow")
    state_changes_only: bool = common.state_changes_only()

    def __post_init__(self) -> None:
        must(self, url="must specify Alerts URL")
        check_url(self.url)


SECTION = Section("servicenow", ServiceNow)


class ServiceNowHandler(HttpService[Options]):
    """Each text is cut to the length that ServiceNow takes."""

    kind, method = "servicenow", "serviceNow"
    type_name = "ServiceNowHandler"
    created_as = "ServiceNow handler"
    options = Options
    section = SECTION
    service = "ServiceNow"
    test_options: ClassVar[Mapping[str, Any]] = {
        "alert_id": "id",
        "source": Of("source"),
        "level": "CRITICAL",
        "message": "test servicenow alert",
    }

    def permitted(self, options: Options, sections: Sections, guard: Guard) -> None:
        """The configuration's credentials are for its own URL."""
        if not options.username:
            guard.keeps(options.url, SECTION.of(sections).url)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        info = EventInfo(event.id, event.name, event.task, dict(event.fields), dict(event.tags))
        await self._send(options, info, event.message, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options, info = options_tested(self.test_options, Options, given), EventInfo(given["alert_id"], "", "", {}, {})
        await self._send(options, info, given["message"], level_of(given["level"]), context)

    async def _send(self, options: Options, info: EventInfo, message: str, level: int, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections)
        about = with_configured(rendered_with(options, info), section)
        body = {
            "source": cut(about.source, _SHORT),
            "node": cut(about.node, _SHORT),
            "type": cut(about.type, _SHORT),
            "resource": cut(about.resource, _SHORT),
            "metric_name": cut(about.metric_name, _SHORT),
            "message_key": cut(about.message_key or info.ID, _KEY),
            "severity": _SEVERITIES[level],
            "description": cut(message, _LONG),
        }
        if about.additional_info:
            body["additional_info"] = to_json(dict(about.additional_info))
        if not options.username:
            keep_credentials(context.guard, options.url, section.url)
        user = options if options.username else section
        login = basic(user.username, user.password)
        await self.post(context, options.url or section.url, body, section, login)


HANDLER = ServiceNowHandler()
