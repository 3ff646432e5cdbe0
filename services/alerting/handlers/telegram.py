"""telegram: send each event's message to a chat of Telegram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from schemas.config.fields import Flag, Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import CONFIGURED, Of, configured, option, options_tested, with_configured
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, joined, json_object
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.http import HttpResponse


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and how it is shown."""

    chat_id: str = option("The chat's id", configured="one", test=CONFIGURED)
    parse_mode: str = option(
        "How the message is written: `Markdown`, `HTML` or empty for plain text", configured="another", test=CONFIGURED
    )
    disable_web_page_preview: bool = option("Show no previews of links", Flag, configured="it", test=CONFIGURED)
    disable_notification: bool = option("Send it silently", Flag, configured="it", test=CONFIGURED)


@dataclass(frozen=True, kw_only=True)
class Telegram:
    """[telegram]"""

    enabled: bool = common.enabled()
    url: str = setting("https://api.telegram.org/bot", Text, "The URL of its API, without the token.")
    token: str = setting("", Text, "The bot's token.", secret=True)
    chat_id: str = configured(Options, "chat_id")
    parse_mode: str = configured(Options, "parse_mode")
    disable_web_page_preview: bool = configured(Options, "disable_web_page_preview")
    disable_notification: bool = configured(Options, "disable_notification")
    global_: bool = common.every_alert("a telegram")
    state_changes_only: bool = common.state_changes_only()

    def __post_init__(self) -> None:
        must(self, url="must specify url", token="must specify token")
        check_url(self.url)


SECTION = Section("telegram", Telegram)


class TelegramHandler(HttpService[Options]):
    """With a wrong parse mode nothing is sent."""

    kind = "telegram"
    type_name = "TelegramHandler"
    options = Options
    section = SECTION
    service = "Telegram"
    test_options: ClassVar[Mapping[str, Any]] = {
        "chat-id": Of("chat_id"),
        "parse-mode": Of("parse_mode"),
        "message": "test telegram message",
        "disable-web-page-preview": Of("disable_web_page_preview"),
        "disable-notification": Of("disable_notification"),
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(options, event.message, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        await self._send(options_tested(self.test_options, Options, given), given["message"], context)

    async def _send(self, options: Options, message: str, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections)
        to = with_configured(options, section)
        if to.parse_mode and to.parse_mode.lower() not in ("markdown", "html"):
            raise Rejected(f"parseMode {to.parse_mode} is not valid, please use 'Markdown' or 'HTML'")
        body: dict[str, Any] = {"chat_id": to.chat_id, "text": message}
        further = {
            "parse_mode": to.parse_mode,
            "disable_web_page_preview": to.disable_web_page_preview,
            "disable_notification": to.disable_notification,
        }
        body |= {name: value for name, value in further.items() if value}
        await self.post(context, joined(section.url + section.token, "sendMessage"), body, section)

    def problem(self, answer: HttpResponse) -> Unsent | Rejected:
        response = json_object(answer.body)
        problem = f"sendMessage error ({response.get('error_code', 0)}) description: {response.get('description', '')}"
        waiting = answer._replace(wait=answer.wait or _wait(response))
        return waiting.problem(problem if response else self.unclear(answer))


def _wait(response: Mapping[str, Any]) -> float:
    """For how many seconds Telegram asks not to be called, which it says in the answer's body."""
    parameters = response.get("parameters")
    seconds = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return max(0.0, seconds) if isinstance(seconds, int | float) else 0.0


HANDLER = TelegramHandler()
