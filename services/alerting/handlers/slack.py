"""slack: send each event's message to a channel of Slack, or of what has webhooks like Slack's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from schemas.config.among import Rules, workspace_rules
from schemas.config.fields import Flag, Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import CONFIGURED, Of, configured, option, options_tested, with_configured
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService, json_object
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.tls import Tls

_PASSING = ("ratelimited", "rate_limited", "internal_error", "fatal_error", "request_timeout", "service_unavailable")
"""What Slack's API says where it may take the same later."""
_COLORS = ("good", "good", "warning", "danger")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and as whom; what is empty is as the configuration has it."""

    workspace: str = option("A section of the configuration", unless="the default one", test=CONFIGURED)
    channel: str = option("The channel", configured="one", test=CONFIGURED)
    username: str = option("As whom to write", configured="somebody")
    icon_emoji: str = option("An emoji for a picture, `:name:`", configured="one")


@dataclass(frozen=True, kw_only=True)
class Slack:
    """[[slack]]: one workspace."""

    RULES: ClassVar[Rules] = workspace_rules("Slack")

    enabled: bool = common.enabled()
    default: bool = setting(False, Flag, "Whether it is the one that is meant where none is named.")
    workspace: str = setting("", Text, "The name that scripts call it by: slack().workspace(NAME).")
    url: str = setting("", Text, "The URL of its webhook.", secret=True)
    token: str = setting(
        "",
        Text,
        "A token of an app of Slack, for the url https://slack.com/api/chat.postMessage. A webhook needs none.",
        secret=True,
        later=True,
    )
    channel: str = configured(Options, "channel")
    username: str = configured(Options, "username", "kapacitor")
    icon_emoji: str = configured(Options, "icon_emoji")
    global_: bool = common.every_alert("a slack")
    state_changes_only: bool = common.state_changes_only()
    ssl_ca: str = common.ssl_ca()
    ssl_cert: str = common.ssl_cert()
    ssl_key: str = common.ssl_key()
    insecure_skip_verify: bool = common.insecure_skip_verify()

    def __post_init__(self) -> None:
        must(self, url="must specify url")
        check_url(self.url)


SECTION = Section("slack", Slack, many=True, defaults=(Slack(default=True),))


class SlackHandler(HttpService[Options]):
    """What is sent is the message, in the level's color. Whether there is the workspace shows when an event comes."""

    kind = "slack"
    type_name = "SlackHandler"
    options = Options
    section = SECTION
    service = "Slack"
    test_options: ClassVar[Mapping[str, Any]] = {
        "workspace": Of("workspace"),
        "channel": Of("channel"),
        "message": "test slack message",
        "level": "CRITICAL",
        "username": Of("username"),
        "icon-emoji": Of("icon_emoji"),
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(options, event.message, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options = options_tested(self.test_options, Options, given)
        await self._send(options, given["message"], level_of(given["level"]), context)

    async def _send(self, options: Options, message: str, level: int, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections, options.workspace)
        to = with_configured(options, section)
        body = {
            # which webhooks have always been sent, and apps may not send
            **({} if section.token else {"as_user": False}),
            "channel": to.channel,
            "text": "",
            "attachments": [{"fallback": message, "color": _COLORS[level], "text": message, "mrkdwn_in": ["text"]}],
            "username": to.username,
            "icon_emoji": to.icon_emoji,
        }
        headers = {"Authorization": f"Bearer {section.token}"} if section.token else {}
        await self.post(context, section.url, body, section, headers)

    async def post_bytes(
        self, context: HandlerContext, url: str, body: bytes, tls: Tls, headers: Mapping[str, str]
    ) -> None:
        """An app that is refused is answered 200, and why."""
        answer = await context.post(url, headers, body, tls)
        if not answer.taken:
            raise self.problem(answer)
        told = json_object(answer.body)
        if told.get("ok") is False:
            reason = str(told.get("error"))
            raise (Unsent if reason in _PASSING else Rejected)(f"Slack refuses the message: {reason}")


HANDLER = SlackHandler()
