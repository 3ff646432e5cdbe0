"""telegram: send each event's message to a chat of Telegram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around, Refused
from services.alerting.outside import (
    check_url,
    enabled,
    encoded,
    everywhere_of,
    joined,
    options_of,
    said_in,
    section_of,
)
from services.alerting.trial import ServiceTest
from services.pipeline.spec import HandlerSpec, Properties, Type, flag, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "telegram"


@dataclass
class TelegramProperties(Properties):
    """Where to, and how it is shown."""

    chat_id: str = prop(Type.STRING, default="", doc="The chat's id; that of the configuration unless set.")
    parse_mode: str = prop(
        Type.STRING, default="", doc="How the message is written, `Markdown` or `HTML`; the configuration's unless set."
    )
    disable_web_page_preview: bool = flag(doc="Show no previews of links.")
    disable_notification: bool = flag(doc="Send it silently.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and how it is shown."""

    chat_id: str = setting("", Text, "The chat's id; that of the configuration unless set.")
    parse_mode: str = setting("", Text, "How the message is written, Markdown or HTML; the configuration's unless set.")
    disable_web_page_preview: bool = setting(False, Flag, "Whether no previews of links are shown.")
    disable_notification: bool = setting(False, Flag, "Whether it is sent silently.")


@dataclass(frozen=True, kw_only=True)
class Telegram:
    """[telegram]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    url: str = setting("https://api.telegram.org/bot", Text, "The URL of its API, without the token.")
    token: str = setting("", Text, "The bot's token.", secret=True)
    chat_id: str = setting("", Text, "The chat's id, unless the alert names one.")
    parse_mode: str = setting("", Text, "How messages are written: Markdown, HTML, or empty for plain text.")
    disable_web_page_preview: bool = setting(False, Flag, "Whether no previews of links are shown.")
    disable_notification: bool = setting(False, Flag, "Whether messages are sent silently.")
    global_: bool = setting(False, Flag, "Whether every alert without a telegram handler is sent to it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify url")
        if self.enabled and not self.token:
            raise ValidationError("must specify token")
        check_url(self.url)


SPEC = HandlerSpec("telegram", "TelegramHandler", TelegramProperties, __doc__ or "", options_of)
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(Telegram)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken; with a wrong parse mode nothing is sent."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, Telegram))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the message."""
    await _send(options, event.message, around)


async def _send(options: Options, message: str, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, Telegram))
    mode = options.parse_mode or section.parse_mode
    if mode and mode.lower() not in ("markdown", "html"):
        raise Refused(f"parseMode {mode} is not valid, please use 'Markdown' or 'HTML'")
    body: dict[str, Any] = {"chat_id": options.chat_id or section.chat_id, "text": message}
    body |= {"parse_mode": mode} if mode else {}
    if options.disable_web_page_preview or section.disable_web_page_preview:
        body["disable_web_page_preview"] = True
    if options.disable_notification or section.disable_notification:
        body["disable_notification"] = True
    url = joined(section.url + section.token, "sendMessage")
    answer = await around.post(url, {"Content-Type": "application/json"}, encoded(body))
    if answer.taken:
        return
    said = said_in(answer.body)
    problem = f"sendMessage error ({said.get('error_code', 0)}) description: {said.get('description', '')}"
    if not said:
        content = answer.body.decode("utf-8", "replace")
        problem = f"failed to understand Telegram response. code: {answer.status} content: {content}"
    raise answer._replace(wait=answer.wait or _wait(said)).problem(problem)


def _wait(said: Mapping[str, Any]) -> float:
    """For how many seconds Telegram asks not to be called, which it says in the answer's body."""
    parameters = said.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return max(0.0, seconds) if isinstance(seconds, int | float) else 0.0


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    section = section_of(sections, SECTION, Telegram)
    return {
        "chat-id": section.chat_id,
        "parse-mode": section.parse_mode,
        "message": "test telegram message",
        "disable-web-page-preview": section.disable_web_page_preview,
        "disable-notification": section.disable_notification,
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    options = Options(
        chat_id=given["chat-id"],
        parse_mode=given["parse-mode"],
        disable_web_page_preview=given["disable-web-page-preview"],
        disable_notification=given["disable-notification"],
    )
    await _send(options, given["message"], around)


TEST = ServiceTest("telegram", _defaults, _try)
