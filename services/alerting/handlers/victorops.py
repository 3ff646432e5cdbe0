"""victorOps: tell VictorOps (Splunk On-Call) of each event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from marshmallow import ValidationError

from grammar.golang.json_writer import to_json
from schemas.config.fields import Flag, Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import CONFIGURED, Of, configured, option, options_tested, with_configured
from services.alerting.declarations.sections import Section, check_url
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, joined
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.http import HttpResponse
from services.alertlog.info import LEVELS


@dataclass(frozen=True, kw_only=True)
class Options:
    """Who is told."""

    routing_key: str = option("The routing key", configured="one", test=CONFIGURED)


@dataclass(frozen=True, kw_only=True)
class VictorOps:
    """[victorops]"""

    enabled: bool = common.enabled()
    api_key: str = setting("", Text, "The key of its API.", secret=True)
    routing_key: str = configured(Options, "routing_key")
    url: str = setting(
        "https://alert.victorops.com/integrations/generic/20131114/alert", Text, "The URL of its API, without the keys."
    )
    global_: bool = common.every_alert("a victorOps")
    json_data: bool = setting(False, Flag, "Whether the event's data is sent as an object, not as JSON in a string.")

    def __post_init__(self) -> None:
        if not self.url:
            raise ValidationError("url cannot be empty")
        check_url(self.url)


SECTION = Section("victorops", VictorOps)


class VictorOpsHandler(HttpService[Options]):
    """What is sent is a message of the event's level, RECOVERY when the alert is over."""

    kind, method = "victorops", "victorOps"
    type_name = "VictorOpsHandler"
    options = Options
    section = SECTION
    service, error_key = "VictorOps", "message"
    test_options: ClassVar[Mapping[str, Any]] = {
        "routingKey": Of("routing_key"),
        "messageType": "CRITICAL",
        "message": "test victorops message",
        "entityID": "testEntityID",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        kind, seconds = LEVELS[event.level] if event.level else "RECOVERY", event.time // 10**9
        await self._send(options, kind, event.message, event.id, seconds, event.data().Data, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options = options_tested(self.test_options, Options, given)
        what = given["messageType"], given["message"], given["entityID"]
        await self._send(options, *what, int(time.time()), {"series": None}, context)

    async def _send(
        self, options: Options, kind: str, message: str, entity: str, seconds: int, result: Any, context: HandlerContext
    ) -> None:
        section = SECTION.enabled(context.sections)
        body = {
            "message_type": kind,
            "entity_id": entity,
            "state_message": message,
            "timestamp": seconds,
            "monitoring_tool": "kapacitor",
            "data": result if section.json_data else to_json(result),
        }
        url = joined(section.url, section.api_key, with_configured(options, section).routing_key)
        await self.post(context, url, body, section)

    def problem(self, answer: HttpResponse) -> Unsent | Rejected:
        if answer.status == 404:
            return answer.problem("URL or API key not found: 404")
        return super().problem(answer)


HANDLER = VictorOpsHandler()
