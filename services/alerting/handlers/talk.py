"""talk: send each event's message to Talk by a webhook; the id is its title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from schemas.config.fields import Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService
from services.alerting.topics.alert_event import AlertEvent


@dataclass(frozen=True)
class Options:
    """None: the configuration says it all."""


@dataclass(frozen=True, kw_only=True)
class Talk:
    """[talk]"""

    enabled: bool = common.enabled()
    url: str = setting("", Text, "The URL of the webhook.", secret=True)
    author_name: str = setting("", Text, "As whom to write.", key="author_name")

    def __post_init__(self) -> None:
        must(self, url="must specify url")
        check_url(self.url)


SECTION = Section("talk", Talk)


class TalkHandler(HttpService[Options]):
    """What is sent is the message, with the event's id as title."""

    kind = "talk"
    type_name = "TalkHandler"
    options = Options
    section = SECTION
    service = "Talk"
    test_options: ClassVar[Mapping[str, Any]] = {"title": "testTitle", "text": "test talk text"}

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(event.id, event.message, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        await self._send(given["title"], given["text"], context)

    async def _send(self, title: str, text: str, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections)
        await self.post(
            context, section.url, {"title": title, "text": text, "authorName": section.author_name}, section
        )


HANDLER = TalkHandler()
