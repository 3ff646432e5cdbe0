"""discord: send each event's message to a channel of Discord."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from marshmallow import ValidationError

from schemas.config.among import Rules, workspace_rules
from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.http import Tls
from services.alerting.outside import (
    check_template,
    check_url,
    data_of,
    enabled,
    everywhere_of,
    options_of,
    post_json,
    rendered,
    start_check,
    workspace_of,
)
from services.alerting.trial import ServiceTest, level_of
from services.bus.times import from_nanoseconds, to_nanoseconds
from services.pipeline.spec import HandlerSpec, Properties, Type, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "discord"

_COLORS = (0x7A65F2, 0x7A65F2, 0xF48D38, 0xF95F53)


@dataclass
class DiscordProperties(Properties):
    """Where to, and as whom."""

    workspace: str = prop(Type.STRING, default="", doc="A section of the configuration; the default one unless set.")
    username: str = prop(Type.STRING, default="", doc="As whom to write; the configuration's unless set.")
    avatar_url: str = prop(
        Type.STRING, default="", name="avatarURL", doc="The URL of a picture; the configuration's unless set."
    )
    embed_title: str = prop(Type.STRING, default="", doc="The title of the message; a template.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and as whom; what is empty is as the configuration has it."""

    workspace: str = setting("", Text, "The workspace of the section; the default one unless set.")
    username: str = setting("", Text, "As whom to write; that of the configuration unless set.")
    avatar_url: str = setting("", Text, "The URL of a picture; that of the configuration unless set.")
    embed_title: str = setting("", Text, "The title of the message; a template.")


@dataclass(frozen=True, kw_only=True)
class Discord:
    """[[discord]]: one channel."""

    RULES: ClassVar[Rules] = workspace_rules("Discord")

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    default: bool = setting(False, Flag, "Whether it is the one that is meant where none is named.")
    workspace: str = setting("", Text, "The name that scripts call it by: discord().workspace(NAME).")
    url: str = setting("", Text, "The URL of the channel's webhook.")
    timestamp: bool = setting(False, Flag, "Whether messages show the time of the event.")
    username: str = setting("", Text, "As whom to write, unless the alert names somebody.")
    avatar_url: str = setting("", Text, "The URL of a picture, unless the alert names one.")
    embed_title: str = setting("", Text, "Of no effect: the title is what the alert says.")
    global_: bool = setting(False, Flag, "Whether every alert without a discord handler is sent to it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")
    ssl_ca: str = setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")
    ssl_cert: str = setting("", Text, "The client's certificate file, PEM.")
    ssl_key: str = setting("", Text, "The client's key file, PEM.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("Must specify the Discord channel webhook URL")
        check_url(self.url)
        check_url(self.avatar_url)


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """The title must be a template."""
    check_template(options.embed_title, "embedTitle")


OPTIONS = schema_of(Options)()
SPEC = HandlerSpec(
    "discord",
    "DiscordHandler",
    DiscordProperties,
    __doc__ or "",
    options_of,
    start_check("Discord handler", OPTIONS, check),
)
CONFIG_SECTIONS = {SECTION: schema_of(Discord)(many=True)}
CONFIG_DEFAULTS = {SECTION: (Discord(default=True),)}


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level: as the default section says."""
    return everywhere_of(workspace_of(sections, SECTION, "", Discord))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the message, in the level's color."""
    title = rendered(options.embed_title, "embedTitle", data_of(event))
    await _send(options, title, event.message, event.time, event.level, around)


async def _send(options: Options, title: str, message: str, time: int, level: int, around: Around) -> None:
    section = enabled(workspace_of(around.sections, SECTION, options.workspace, Discord))
    embed = {
        "color": _COLORS[level],
        "title": title,
        "description": message,
        "timestamp": f"{from_nanoseconds(time)[:19]}Z" if section.timestamp else "",
    }
    body = {
        "username": options.username or section.username,
        "avatar_url": options.avatar_url or section.avatar_url,
        "embeds": [embed],
    }
    tls = Tls(not section.insecure_skip_verify, section.ssl_ca, section.ssl_cert, section.ssl_key)
    await post_json(around, section.url, body, "Discord", tls=tls)


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "workspace": workspace_of(sections, SECTION, "", Discord).workspace,
        "message": "test discord message",
        "level": "INFO",
        "username": "Kapacitor",
        "avatar-url": "https://influxdata.github.io/branding/img/downloads/influxdata-logo--symbol--pool-alpha.png",
        "embed-title": "Kapacitor Alert",
        "time-val": "1970-01-01T00:00:01Z",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    options = Options(workspace=given["workspace"], username=given["username"], avatar_url=given["avatar-url"])
    time = to_nanoseconds(given["time-val"])
    await _send(options, given["embed-title"], given["message"], time, level_of(given["level"]), around)


TEST = ServiceTest("discord", _defaults, _try)
