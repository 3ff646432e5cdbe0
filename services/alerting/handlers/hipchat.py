"""hipChat: send each event's message to a room of HipChat, or of what has its API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from marshmallow import ValidationError

from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import (
    check_url,
    enabled,
    everywhere_of,
    joined,
    options_of,
    post_json,
    section_of,
)
from services.alerting.trial import ServiceTest, level_of
from services.pipeline.spec import HandlerSpec, Properties, Type, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "hipchat"

_COLORS = ("green", "green", "yellow", "red")


@dataclass
class HipChatProperties(Properties):
    """Where to."""

    room: str = prop(Type.STRING, default="", doc="The room; that of the configuration unless set.")
    token: str = prop(Type.STRING, default="", doc="The room's token; that of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to."""

    room: str = setting("", Text, "The room; that of the configuration unless set.")
    token: str = setting("", Text, "The room's token; that of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class HipChat:
    """[hipchat]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("", Text, "The URL of its API: https://NAME.hipchat.com/v2/room.")
    token: str = setting("", Text, "The room's token, unless the alert names one.", secret=True)
    room: str = setting("", Text, "The room, unless the alert names one.")
    global_: bool = setting(False, Flag, "Whether every alert without a hipChat handler is sent to it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify url")
        check_url(self.url)


SPEC = HandlerSpec("hipchat", "HipChatHandler", HipChatProperties, __doc__ or "", options_of, method="hipChat")
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(HipChat)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, HipChat))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the message, in the level's color."""
    await _send(options.room, options.token, event.message, event.level, around)


async def _send(room: str, token: str, message: str, level: int, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, HipChat))
    url = urlsplit(joined(section.url, room or section.room, "notification"))
    query = urlencode({"auth_token": token or section.token})
    body = {"from": "kapacitor", "color": _COLORS[level], "message": message, "notify": True}
    await post_json(around, urlunsplit(url._replace(query=query)), body, "HipChat")


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    room = section_of(sections, SECTION, HipChat).room
    return {"room": room, "message": "test hipchat message", "level": "CRITICAL"}


async def _try(given: Mapping[str, Any], around: Around) -> None:
    await _send(given["room"], "", given["message"], level_of(given["level"]), around)


TEST = ServiceTest("hipchat", _defaults, _try)
