"""teams: send each event's message as a card to a channel of Microsoft Teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from services.alerting.declarations import sections as common
from services.alerting.declarations.options import (
    Of,
    ScriptProperty,
    configured,
    option,
    options_tested,
    with_configured,
)
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, cut
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent
from services.alertlog.info import LEVELS

_SUMMARY = 70  # bytes


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to."""

    channel_url: str = option("The URL of the channel's webhook", configured="one", script=ScriptProperty("channelURL"))


@dataclass(frozen=True, kw_only=True)
class Teams:
    """[teams]"""

    enabled: bool = common.enabled()
    channel_url: str = configured(Options, "channel_url", webhook=True)
    global_: bool = common.every_alert("a teams")
    state_changes_only: bool = common.state_changes_only()

    def __post_init__(self) -> None:
        must(self, channel_url="must specify Teams channel webhook URL")
        check_url(self.channel_url)


SECTION = Section("teams", Teams)


class TeamsHandler(HttpService[Options]):
    """The card's title is the event's id, or its topic where it has none."""

    kind = "teams"
    type_name = "TeamsHandler"
    options = Options
    section = SECTION
    service = "Teams"
    test_options: ClassVar[Mapping[str, Any]] = {
        "channel_url": Of("channel_url"),
        "alert_topic": "test kapacitor alert topic",
        "alert_id": "foo/bar/bat",
        "message": "test teams message",
        "level": "CRITICAL",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(options, event.id or event.topic, event.message, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options, name = options_tested(self.test_options, Options, given), given["alert_id"] or given["alert_topic"]
        await self._send(options, name, given["message"], level_of(given["level"]), context)

    async def _send(self, options: Options, name: str, message: str, level: int, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections)
        title = f"{LEVELS[level]}: [{name}]" if name else LEVELS[level]
        summary = f"{title} - {message}" if name else f"{title}: {message}"
        body = {
            "@type": "MessageCard",
            "@context": "http://schema.org/extensions",
            "title": title,
            "text": message,
            "summary": f"{cut(summary, _SUMMARY)}...",
        }
        await self.post(context, with_configured(options, section).channel_url, body, section)


HANDLER = TeamsHandler()
