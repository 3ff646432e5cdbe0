"""bigPanda: send each event to BigPanda, with its tags and fields as attributes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import fields

from grammar.golang.json_writer import to_json
from grammar.golang.times import format_rfc3339_padded, parse_rfc3339
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
from services.alerting.declarations.templates import rendered
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, keep_credentials
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent
from services.process.permissions import Guard

_STATUSES = ("ok", "ok", "warning", "critical")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the alert is about."""

    app_key: str = option("The integration's key", configured="one", test="012345")
    url: str = option("The URL of the API", configured="one", script=None)
    host: str = option("The host", template=True, test="serverA")
    primary_property: str = option("The attribute that alerts are grouped by first")
    secondary_property: str = option("The attribute that they are grouped by then")
    attributes: Mapping[str, Any] = option(
        "Further attributes by name", fields.Dict, template=True, script=ScriptProperty("attribute")
    )


@dataclass(frozen=True, kw_only=True)
class BigPanda:
    """[bigpanda]"""

    enabled: bool = common.enabled()
    global_: bool = common.every_alert("a bigPanda")
    state_changes_only: bool = common.state_changes_only()
    app_key: str = configured(Options, "app_key")
    token: str = setting("", Text, "The token to log in with.", secret=True)
    url: str = configured(Options, "url", "https://api.bigpanda.io/data/v2/alerts")
    auto_attributes: str = setting("tags,fields", Text, "What of an event becomes attributes: tags, fields, or both.")
    insecure_skip_verify: bool = common.insecure_skip_verify()

    def __post_init__(self) -> None:
        must(self, url="must specify the BigPanda webhook URL", app_key="must specify BigPanda app-key")
        check_url(self.url)
        must(self, token="must specify BigPanda token")


SECTION = Section("bigpanda", BigPanda)


class BigPandaHandler(HttpService[Options]):
    """Attributes of the options win over fields, fields over tags."""

    kind, method = "bigpanda", "bigPanda"
    type_name = "BigPandaHandler"
    created_as = "BigPanda handler"
    options = Options
    section = SECTION
    service = "BigPanda"
    test_options: ClassVar[Mapping[str, Any]] = {
        "app_key": Of("app_key"),
        "message": "test bigpanda message",
        "level": "CRITICAL",
        "event_data": {
            "Name": "testBigPanda",
            "TaskName": "",
            "Category": "",
            "Group": "",
            "Tags": {},
            "Fields": {},
            "Recoverable": False,
            "Result": {"series": None},
        },
        "timestamp": format_rfc3339_padded(0),
        "host": Of("host"),
        "primary_property": Of("primary_property"),
        "secondary_property": Of("secondary_property"),
    }

    def permitted(self, options: Options, sections: Sections, guard: Guard) -> None:
        """The configuration's credentials are for its own URL."""
        guard.keeps(options.url, SECTION.of(sections).url)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        about = rendered(options, event)
        given = {name: _text(value) for name, value in about.attributes.items()}
        given |= {"host": about.host} if options.host else {}
        body = _about(event.message, event.level, event.time, event.task, event.name)
        details = html.unescape(event.details)
        body |= {"details": details} if details and not details.startswith("{") else {}
        body |= {"check": event.id} if event.id else {}
        await self._send(options, body, event.tags, event.fields, given, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options, data = options_tested(self.test_options, Options, given), given["event_data"]
        time, level = parse_rfc3339(given["timestamp"]), level_of(given["level"])
        body = _about(given["message"], level, time, data.get("TaskName", ""), data.get("Name", ""))
        host = {"host": options.host} if options.host else {}
        await self._send(options, body, data.get("Tags") or {}, data.get("Fields") or {}, host, context)

    async def _send(
        self,
        options: Options,
        body: dict[str, Any],
        tags: Mapping[str, str],
        values: Mapping[str, Any],
        given: Mapping[str, str],
        context: HandlerContext,
    ) -> None:
        section = SECTION.enabled(context.sections)
        keep_credentials(context.guard, options.url, section.url)
        about = with_configured(options, section)
        own = {"primary_property": about.primary_property, "secondary_property": about.secondary_property}
        body |= {name: value for name, value in own.items() if value}
        body["app_key"] = about.app_key
        automatic = section.auto_attributes.lower()
        body |= dict(tags) if "tags" in automatic else {}
        body |= {name: _text(value) for name, value in values.items()} if "fields" in automatic else {}
        login = {"Authorization": f"Bearer {section.token}"}
        await self.post(context, about.url, body | dict(given), section, login)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def _about(message: str, level: int, time: int, task: str, name: str) -> dict[str, Any]:
    body: dict[str, Any] = {"description": message} if message else {}
    return body | {"task": f"{task}:{name}", "timestamp": time // 10**9, "status": _STATUSES[level]}


HANDLER = BigPandaHandler()
