"""pushover: send each event's message to devices by Pushover, with a priority for each level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from marshmallow import ValidationError

from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import check_url, enabled, options_of, said_in, section_of
from services.alerting.trial import ServiceTest, level_of
from services.pipeline.spec import HandlerSpec, Properties, Type, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "pushover"

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class PushoverProperties(Properties):
    """To whom, and what comes with the message."""

    user_key: str = prop(Type.STRING, default="", doc="The user's or group's key; the configuration's unless set.")
    device: str = prop(Type.STRING, default="", doc="Which of the user's devices; several with commas between them.")
    title: str = prop(Type.STRING, default="", doc="The message's title.")
    url: str = prop(Type.STRING, default="", name="URL", doc="A URL to show with the message.")
    url_title: str = prop(Type.STRING, default="", name="URLTitle", doc="The URL's title.")
    sound: str = prop(Type.STRING, default="", doc="The name of a sound to play.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """To whom, and what comes with the message."""

    user_key: str = setting("", Text, "The user's or group's key; that of the configuration unless set.")
    device: str = setting("", Text, "Which of the user's devices; several with commas between them.")
    title: str = setting("", Text, "The message's title.")
    url: str = setting("", Text, "A URL to show with the message.")
    url_title: str = setting("", Text, "The URL's title.")
    sound: str = setting("", Text, "The name of a sound to play.")


@dataclass(frozen=True, kw_only=True)
class Pushover:
    """[pushover]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    token: str = setting("", Text, "The application's token.", secret=True)
    user_key: str = setting("", Text, "The user's or group's key, unless the alert names one.", secret=True)
    url: str = setting("https://api.pushover.net/1/messages.json", Text, "The URL of its API.")

    def __post_init__(self) -> None:
        if self.enabled:
            for value, name in ((self.token, "token"), (self.user_key, "user key"), (self.url, "url")):
                if not value:
                    raise ValidationError(f"must specify {name}")
            check_url(self.url)


SPEC = HandlerSpec("pushover", "PushoverHandler", PushoverProperties, __doc__ or "", options_of)
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(Pushover)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken."""


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the message; priorities from -2 for OK to 1 for CRITICAL."""
    await _send(options, event.message, event.level, around)


async def _send(options: Options, message: str, level: int, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, Pushover))
    form = {
        "token": section.token,
        "user": options.user_key or section.user_key,
        "message": message,
        "priority": str(level - 2),
    }
    extras = {
        "device": options.device,
        "title": options.title,
        "url": options.url,
        "url_title": options.url_title,
        "sound": options.sound,
    }
    form |= {name: value for name, value in extras.items() if value}
    data = urlencode(form, errors="replace").encode()
    answer = await around.post(section.url, _FORM, data)
    if answer.taken:
        return
    errors = said_in(answer.body).get("errors")
    listed = ", ".join(map(str, errors)) if isinstance(errors, list) else answer.body.decode("utf-8", "replace")
    raise answer.problem(f"failed to understand Pushover response. code: {answer.status} content: {listed}")


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "user-key": section_of(sections, SECTION, Pushover).user_key,
        "message": "test pushover message",
        "device": "",
        "title": "",
        "url": "",
        "url-title": "",
        "sound": "",
        "level": "CRITICAL",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    options = Options(
        user_key=given["user-key"],
        device=given["device"],
        title=given["title"],
        url=given["url"],
        url_title=given["url-title"],
        sound=given["sound"],
    )
    await _send(options, given["message"], level_of(given["level"]), around)


TEST = ServiceTest("pushover", _defaults, _try)
