"""talk: send each event's message to Talk by a webhook; the id is its title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import check_url, enabled, options_of, post_json, section_of
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "talk"


@dataclass
class TalkProperties(Properties):
    """None: the configuration says it all."""


@dataclass(frozen=True)
class Options:
    """None: the configuration says it all."""


@dataclass(frozen=True, kw_only=True)
class Talk:
    """[talk]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("", Text, "The URL of the webhook.", secret=True)
    author_name: str = setting("", Text, "As whom to write.", key="author_name")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify url")
        check_url(self.url)


SPEC = HandlerSpec("talk", "TalkHandler", TalkProperties, __doc__ or "", options_of)
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(Talk)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """There is nothing to check."""


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the message."""
    await _send(event.id, event.message, around)


async def _send(title: str, text: str, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, Talk))
    body = {"title": title, "text": text, "authorName": section.author_name}
    await post_json(around, section.url, body, "Talk")


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {"title": "testTitle", "text": "test talk text"}


async def _try(given: Mapping[str, Any], around: Around) -> None:
    await _send(given["title"], given["text"], around)


TEST = ServiceTest("talk", _defaults, _try)
