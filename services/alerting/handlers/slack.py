"""slack: send each event's message to a channel of Slack, or of what has webhooks like Slack's."""

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
    check_url,
    enabled,
    everywhere_of,
    options_of,
    post_json,
    workspace_of,
)
from services.alerting.trial import ServiceTest, level_of
from services.pipeline.spec import HandlerSpec, Properties, Type, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "slack"

_COLORS = ("good", "good", "warning", "danger")


@dataclass
class SlackProperties(Properties):
    """Where to, and as whom."""

    workspace: str = prop(Type.STRING, default="", doc="A section of the configuration; the default one unless set.")
    channel: str = prop(Type.STRING, default="", doc="The channel; that of the configuration unless set.")
    username: str = prop(Type.STRING, default="", doc="As whom to write; the configuration's unless set.")
    icon_emoji: str = prop(Type.STRING, default="", doc="An emoji for a picture, `:name:`; the configuration's.")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and as whom; what is empty is as the configuration has it."""

    workspace: str = setting("", Text, "The workspace of the section; the default one unless set.")
    channel: str = setting("", Text, "The channel; that of the configuration unless set.")
    username: str = setting("", Text, "As whom to write; the configuration's unless set.")
    icon_emoji: str = setting("", Text, "An emoji for a picture, `:name:`; the configuration's unless set.")


@dataclass(frozen=True, kw_only=True)
class Slack:
    """[[slack]]: one workspace."""

    RULES: ClassVar[Rules] = workspace_rules("Slack")

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    default: bool = setting(False, Flag, "Whether it is the one that is meant where none is named.")
    workspace: str = setting("", Text, "The name that scripts call it by: slack().workspace(NAME).")
    url: str = setting("", Text, "The URL of its webhook.", secret=True)
    channel: str = setting("", Text, "The channel, unless the alert names one.")
    username: str = setting("kapacitor", Text, "As whom to write, unless the alert names somebody.")
    icon_emoji: str = setting("", Text, "An emoji in place of the usual picture, `:name:`.")
    global_: bool = setting(False, Flag, "Whether every alert without a slack handler is sent to it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")
    ssl_ca: str = setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")
    ssl_cert: str = setting("", Text, "The client's certificate file, PEM.")
    ssl_key: str = setting("", Text, "The client's key file, PEM.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")

    def __post_init__(self) -> None:
        if self.enabled and not self.url:
            raise ValidationError("must specify url")
        check_url(self.url)


SPEC = HandlerSpec("slack", "SlackHandler", SlackProperties, __doc__ or "", options_of)
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(Slack)(many=True)}
CONFIG_DEFAULTS = {SECTION: (Slack(default=True),)}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken; whether there is such a workspace shows when an event comes."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level: as the default section says."""
    return everywhere_of(workspace_of(sections, SECTION, "", Slack))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the message, in the level's color."""
    await _send(options, event.message, event.level, around)


async def _send(options: Options, message: str, level: int, around: Around) -> None:
    section = enabled(workspace_of(around.sections, SECTION, options.workspace, Slack))
    attachment = {"fallback": message, "color": _COLORS[level], "text": message, "mrkdwn_in": ["text"]}
    body = {
        "as_user": False,
        "channel": options.channel or section.channel,
        "text": "",
        "attachments": [attachment],
        "username": options.username or section.username,
        "icon_emoji": options.icon_emoji or section.icon_emoji,
    }
    tls = Tls(not section.insecure_skip_verify, section.ssl_ca, section.ssl_cert, section.ssl_key)
    await post_json(around, section.url, body, "Slack", tls=tls)


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    section = workspace_of(sections, SECTION, "", Slack)
    return {
        "workspace": section.workspace,
        "channel": section.channel,
        "message": "test slack message",
        "level": "CRITICAL",
        "username": "",
        "icon-emoji": "",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    options = Options(
        workspace=given["workspace"],
        channel=given["channel"],
        username=given["username"],
        icon_emoji=given["icon-emoji"],
    )
    await _send(options, given["message"], level_of(given["level"]), around)


TEST = ServiceTest("slack", _defaults, _try)
