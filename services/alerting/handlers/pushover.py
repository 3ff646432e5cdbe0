"""pushover: send each event's message to devices by Pushover, with a priority for each level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlencode

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
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, json_object
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.http import HttpResponse
from services.alerting.transports.tls import tls_of

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """To whom, and what comes with the message."""

    user_key: str = option("The user's or group's key", configured="one")
    device: str = option("Which of the user's devices; several with commas between them")
    title: str = option("The message's title")
    url: str = option("A URL to show with the message", script=ScriptProperty("URL"))
    url_title: str = option("The URL's title", script=ScriptProperty("URLTitle"))
    sound: str = option("The name of a sound to play")


@dataclass(frozen=True, kw_only=True)
class Pushover:
    """[pushover]"""

    enabled: bool = common.enabled()
    token: str = setting("", Text, "The application's token.", secret=True)
    user_key: str = configured(Options, "user_key", secret=True)
    url: str = setting("https://api.pushover.net/1/messages.json", Text, "The URL of its API.")

    def __post_init__(self) -> None:
        must(self, token="must specify token", user_key="must specify user key", url="must specify url")
        if self.enabled:
            check_url(self.url)


SECTION = Section("pushover", Pushover)


class PushoverHandler(HttpService[Options]):
    """Priorities go from -2 for OK to 1 for CRITICAL."""

    kind = "pushover"
    type_name = "PushoverHandler"
    options = Options
    section = SECTION
    service = "Pushover"
    test_options: ClassVar[Mapping[str, Any]] = {
        "user-key": Of("user_key"),
        "message": "test pushover message",
        "device": Of("device"),
        "title": Of("title"),
        "url": Of("url"),
        "url-title": Of("url_title"),
        "sound": Of("sound"),
        "level": "CRITICAL",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(options, event.message, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options = options_tested(self.test_options, Options, given)
        await self._send(options, given["message"], level_of(given["level"]), context)

    async def _send(self, options: Options, message: str, level: int, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections)
        user = with_configured(options, section).user_key
        form = {"token": section.token, "user": user, "message": message, "priority": str(level - 2)}
        further = {
            "device": options.device,
            "title": options.title,
            "url": options.url,
            "url_title": options.url_title,
            "sound": options.sound,
        }
        form |= {name: value for name, value in further.items() if value}
        data = urlencode(form, errors="replace").encode()
        await self.post_bytes(context, section.url, data, tls_of(section), _FORM)

    def problem(self, answer: HttpResponse) -> Unsent | Rejected:
        errors = json_object(answer.body).get("errors")
        listed = ", ".join(map(str, errors)) if isinstance(errors, list) else answer.body.decode("utf-8", "replace")
        return answer.problem(f"failed to understand Pushover response. code: {answer.status} content: {listed}")


HANDLER = PushoverHandler()
