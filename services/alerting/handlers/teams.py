"""teams: send each event's message as a card to a channel of Microsoft Teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from schemas.config.fields import Flag, Text
from schemas.config.section import schema_of, setting
from services.alerting.handler import Around
from services.alerting.outside import check_url, cut, enabled, everywhere_of, options_of, post_json, section_of
from services.alerting.trial import ServiceTest, level_of
from services.engine.alerts.info import LEVELS
from services.pipeline.spec import HandlerSpec, Properties, Type, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

SECTION = "teams"

_SUMMARY = 70  # bytes


@dataclass
class TeamsProperties(Properties):
    """Where to."""

    channel_url: str = prop(
        Type.STRING,
        default="",
        name="channelURL",
        doc="The URL of the channel's webhook; that of the configuration unless set.",
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to."""

    channel_url: str = setting("", Text, "The URL of the channel's webhook; that of the configuration unless set.")


@dataclass(frozen=True, kw_only=True)
class Teams:
    """[teams]"""

    enabled: bool = setting(False, Flag, "Whether alerts may be sent to it.")
    channel_url: str = setting("", Text, "The URL of the channel's webhook, unless the alert names one.")
    global_: bool = setting(False, Flag, "Whether every alert without a teams handler is sent to it.", key="global")
    state_changes_only: bool = setting(False, Flag, "With global: whether all alerts are only sent as they change.")

    def __post_init__(self) -> None:
        if self.enabled and not self.channel_url:
            raise ValidationError("must specify Teams channel webhook URL")
        check_url(self.channel_url)


SPEC = HandlerSpec("teams", "TeamsHandler", TeamsProperties, __doc__ or "", options_of)
OPTIONS = schema_of(Options)()
CONFIG_SECTIONS = {SECTION: schema_of(Teams)()}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Everything is taken."""


def everywhere(sections: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether every alert uses it, and then only for changes of level."""
    return everywhere_of(section_of(sections, SECTION, Teams))


async def handle(event: Event, options: Options, around: Around) -> None:
    """Send the card. Its title is the event's id, or its topic where it has none."""
    await _send(options.channel_url, event.topic, event.id, event.message, event.level, around)


async def _send(url: str, topic: str, id: str, message: str, level: int, around: Around) -> None:
    section = enabled(section_of(around.sections, SECTION, Teams))
    name = id or topic
    title = f"{LEVELS[level]}: [{name}]" if name else LEVELS[level]
    summary = f"{title} - {message}" if name else f"{title}: {message}"
    body = {
        "@type": "MessageCard",
        "@context": "http://schema.org/extensions",
        "title": title,
        "text": message,
        "summary": f"{cut(summary, _SUMMARY)}...",
    }
    await post_json(around, url or section.channel_url, body, "Teams")


def _defaults(sections: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "channel_url": section_of(sections, SECTION, Teams).channel_url,
        "alert_topic": "test kapacitor alert topic",
        "alert_id": "foo/bar/bat",
        "message": "test teams message",
        "level": "CRITICAL",
    }


async def _try(given: Mapping[str, Any], around: Around) -> None:
    where = given["channel_url"], given["alert_topic"], given["alert_id"]
    await _send(*where, given["message"], level_of(given["level"]), around)


TEST = ServiceTest("teams", _defaults, _try)
