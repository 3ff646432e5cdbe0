"""pagerDuty2: trigger an incident of PagerDuty, and resolve it when the alert is over. Its Events API v2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError, fields

from grammar.golang.times import format_rfc3339_padded, parse_rfc3339
from schemas.config.fields import Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import ScriptProperty, configured, option, records, with_configured
from services.alerting.declarations.sections import Section, check_url
from services.alerting.declarations.templates import rendered
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, json_object
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.http import HttpResponse

_SEVERITIES = ("", "info", "warning", "critical")
_HEADERS = {"Accept": "application/vnd.pagerduty+json;version=2"}


@dataclass(frozen=True, kw_only=True)
class Link:
    """Without a text the URL is shown."""

    href: str = option("The URL", fields.String, template=True)
    text: str = option("The text", fields.String, template=True)


@dataclass(frozen=True, kw_only=True)
class Options:
    """For which service, and what to link to."""

    routing_key: str = option(
        "The routing key", fields.String, configured="one", script=ScriptProperty(alias="service_key")
    )
    links: tuple[Link, ...] = option(
        "Links of the incident, each with its URL (href) and, if it has one, its text; both are templates",
        records(Link),
        script=ScriptProperty("link", variadic=True),
    )


@dataclass(frozen=True, kw_only=True)
class PagerDuty2:
    """[pagerduty2]"""

    enabled: bool = common.enabled()
    url: str = setting("https://events.pagerduty.com/v2/enqueue", Text, "The URL of its API.")
    routing_key: str = configured(Options, "routing_key", secret=True)
    global_: bool = common.every_alert("a pagerDuty2")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        check_url(self.url)


SECTION = Section("pagerduty2", PagerDuty2)


class PagerDuty2Handler(HttpService[Options]):
    """The incident's key is the event's id."""

    kind, method = "pagerduty2", "pagerDuty2"
    type_name = "PagerDuty2Handler"
    created_as = "PagerDuty2 handler"
    options = Options
    section = SECTION
    service = "PagerDuty2"
    test_options: ClassVar[Mapping[str, Any]] = {
        "alert_id": "testAlertID",
        "description": "test pagerduty2 message",
        "level": "CRITICAL",
        "event_data": {
            "Name": "testPagerDuty2",
            "TaskName": "",
            "Category": "",
            "Group": "",
            "Tags": {},
            "Fields": {},
            "Recoverable": False,
            "Result": {"series": None},
        },
        "timestamp": "2014-11-12T11:45:26.371Z",
        "links": [{"href": "https://example.com/a", "text": "a"}, {"href": "https://example.com/b", "text": "b"}],
    }

    def check_script(self, properties: Any) -> None:
        if any(len(link) > 2 for link in properties.links):
            raise ValueError("a link has a URL and a text")

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        rendered_links = rendered(options, event).links
        links = [
            {"href": link.href, "text": link.text if given.text else link.href}
            for given, link in zip(options.links, rendered_links, strict=True)
        ]
        host, result = event.tags.get("host", "unknown"), event.data().Data
        payload = _payload(event.message, host, event.level, event.time, event.task, result)
        await self._send(options, event.id, payload, links, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        SECTION.enabled(context.sections)
        level, data = level_of(given["level"]), given["event_data"]
        time = parse_rfc3339(given["timestamp"]) if level else 0
        host, result = (data.get("Tags") or {}).get("host", "unknown"), data.get("Result") or {"series": None}
        payload = _payload(given["description"], host, level, time, data.get("TaskName", ""), result)
        await self._send(Options(), given["alert_id"], payload, given["links"], level, context)

    async def _send(
        self,
        options: Options,
        id: str,
        payload: Mapping[str, Any],
        links: Sequence[Mapping[str, str]],
        level: int,
        context: HandlerContext,
    ) -> None:
        """Trigger or, at level OK, resolve the incident."""
        section = SECTION.enabled(context.sections)
        key = with_configured(options, section).routing_key
        body: dict[str, Any] = {"routing_key": key, "dedup_key": id, "event_action": "resolve"}
        if level:
            body = {
                "routing_key": key,
                "event_action": "trigger",
                "dedup_key": id,
                "payload": payload,
                "images": None,
                "links": list(links) or None,
                "client": "kapacitor",
                "client_url": context.url,
            }
        await self.post(context, section.url, body, section, _HEADERS)

    def problem(self, answer: HttpResponse) -> Unsent | Rejected:
        response = json_object(answer.body)
        message, errors = response.get("message", self.unclear(answer)), response.get("errors")
        listed = " ".join(map(str, errors)) if isinstance(errors, list) else ""
        return answer.problem(f"Status: {response.get('status', '')}, Message: {message} Errors: [{listed}]")


def _payload(summary: str, source: str, level: int, time: int, task: str, result: Any) -> dict[str, Any]:
    return {
        "summary": summary,
        "source": source,
        "severity": _SEVERITIES[level],
        "timestamp": format_rfc3339_padded(time),
        "class": task,
        "component": "",
        "group": "",
        "custom_details": {"result": result},
    }


HANDLER = PagerDuty2Handler()
