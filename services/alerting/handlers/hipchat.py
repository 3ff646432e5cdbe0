"""hipChat: send each event's message to a room of HipChat, or of what has its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit, urlunsplit

from schemas.config.fields import Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import CONFIGURED, Of, configured, option, options_tested, with_configured
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, joined
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent

_COLORS = ("green", "green", "yellow", "red")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to."""

    room: str = option("The room", configured="one", test=CONFIGURED)
    token: str = option("The room's token", configured="one")


@dataclass(frozen=True, kw_only=True)
class HipChat:
    """[hipchat]"""

    enabled: bool = common.enabled()
    url: str = setting("", Text, "The URL of its API: https://NAME.hipchat.com/v2/room.")
    token: str = configured(Options, "token", secret=True)
    room: str = configured(Options, "room")
    global_: bool = common.every_alert("a hipChat")
    state_changes_only: bool = common.state_changes_only()

    def __post_init__(self) -> None:
        must(self, url="must specify url")
        check_url(self.url)


SECTION = Section("hipchat", HipChat)


class HipChatHandler(HttpService[Options]):
    """What is sent is the message, in the level's color."""

    kind, method = "hipchat", "hipChat"
    type_name = "HipChatHandler"
    options = Options
    section = SECTION
    service = "HipChat"
    test_options: ClassVar[Mapping[str, Any]] = {
        "room": Of("room"),
        "message": "test hipchat message",
        "level": "CRITICAL",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(options, event.message, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options = options_tested(self.test_options, Options, given)
        await self._send(options, given["message"], level_of(given["level"]), context)

    async def _send(self, options: Options, message: str, level: int, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections)
        to = with_configured(options, section)
        url = urlsplit(joined(section.url, to.room, "notification"))
        query = urlencode({"auth_token": to.token})
        body = {"from": "kapacitor", "color": _COLORS[level], "message": message, "notify": True}
        await self.post(context, urlunsplit(url._replace(query=query)), body, section)


HANDLER = HipChatHandler()
