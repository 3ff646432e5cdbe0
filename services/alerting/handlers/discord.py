"""discord: send each event's message to a channel of Discord."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from grammar.golang.times import format_rfc3339_padded, parse_rfc3339
from schemas.config.among import Rules, workspace_rules
from schemas.config.fields import Flag, Text
from schemas.config.section import setting
from services.alerting.declarations import sections as common
from services.alerting.declarations.options import (
    CONFIGURED,
    Of,
    ScriptProperty,
    configured,
    option,
    options_tested,
    with_configured,
)
from services.alerting.declarations.sections import Section, check_url, must
from services.alerting.declarations.templates import rendered
from services.alerting.handler_base import HandlerContext
from services.alerting.http_service import HttpService
from services.alerting.service_tests.levels import level_of
from services.alerting.topics.alert_event import AlertEvent

_COLORS = (0x7A65F2, 0x7A65F2, 0xF48D38, 0xF95F53)
_PICTURE = "https://influxdata.github.io/branding/img/downloads/influxdata-logo--symbol--pool-alpha.png"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and as whom; what is empty is as the configuration has it."""

    workspace: str = option("A section of the configuration", unless="the default one", test=CONFIGURED)
    username: str = option("As whom to write", configured="somebody", test="Kapacitor")
    avatar_url: str = option(
        "The URL of a picture", configured="one", test=_PICTURE, script=ScriptProperty("avatarURL")
    )
    embed_title: str = option(
        "The title of the message", template=True, template_name="embedTitle", test="Kapacitor Alert"
    )


@dataclass(frozen=True, kw_only=True)
class Discord:
    """[[discord]]: one channel."""

    RULES: ClassVar[Rules] = workspace_rules("Discord")

    enabled: bool = common.enabled()
    default: bool = setting(False, Flag, "Whether it is the one that is meant where none is named.")
    workspace: str = setting("", Text, "The name that scripts call it by: discord().workspace(NAME).")
    url: str = setting("", Text, "The URL of the channel's webhook.", webhook=True)
    timestamp: bool = setting(False, Flag, "Whether messages show the time of the event.")
    username: str = configured(Options, "username")
    avatar_url: str = configured(Options, "avatar_url")
    embed_title: str = setting("", Text, "Of no effect: the title is what the alert says.")
    global_: bool = common.every_alert("a discord")
    state_changes_only: bool = common.state_changes_only()
    ssl_ca: str = common.ssl_ca()
    ssl_cert: str = common.ssl_cert()
    ssl_key: str = common.ssl_key()
    insecure_skip_verify: bool = common.insecure_skip_verify()

    def __post_init__(self) -> None:
        must(self, url="Must specify the Discord channel webhook URL")
        check_url(self.url)
        check_url(self.avatar_url)


SECTION = Section("discord", Discord, many=True, defaults=(Discord(default=True),))


class DiscordHandler(HttpService[Options]):
    """What is sent is the message, in the level's color."""

    kind = "discord"
    type_name = "DiscordHandler"
    created_as = "Discord handler"
    options = Options
    section = SECTION
    service = "Discord"
    test_options: ClassVar[Mapping[str, Any]] = {
        "workspace": Of("workspace"),
        "message": "test discord message",
        "level": "INFO",
        "username": Of("username"),
        "avatar-url": Of("avatar_url"),
        "embed-title": Of("embed_title"),
        "time-val": "1970-01-01T00:00:01Z",
    }

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        await self._send(rendered(options, event), event.message, event.time, event.level, context)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        options, time = options_tested(self.test_options, Options, given), parse_rfc3339(given["time-val"])
        await self._send(options, given["message"], time, level_of(given["level"]), context)

    async def _send(self, options: Options, message: str, time: int, level: int, context: HandlerContext) -> None:
        section = SECTION.enabled(context.sections, options.workspace)
        to = with_configured(options, section)
        embed = {
            "color": _COLORS[level],
            "title": to.embed_title,
            "description": message,
            "timestamp": f"{format_rfc3339_padded(time)[:19]}Z" if section.timestamp else "",
        }
        body = {"username": to.username, "avatar_url": to.avatar_url, "embeds": [embed]}
        await self.post(context, section.url, body, section)


HANDLER = DiscordHandler()
