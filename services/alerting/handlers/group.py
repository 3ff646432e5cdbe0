"""group: one event for all alerts of a topic that have the same tags, put into another topic.

A handler of that topic gets one message where it would have got many: `wait` after the first alert of a group,
`interval` after the last message where something has changed, and again after `repeat` where nothing has. Its level is
the worst of the alerts that are not OK, and OK once all are. `by` names tags, or topic, id, task, level and name (the
measurement). Alerts that are silenced are not in it.

Templates see .ID, .Topic, .Level, .Group (values by tag), .Firing (alerts, each with .ID, .Message, .Level, .Time,
.Duration, .Details, .Name, .TaskName, .Group, .Tags and .Fields, the worst first) and .Resolved (ids).
"""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import fields

from schemas.config.fields import Nanoseconds
from services.alerting.declarations.options import Strings, option
from services.alerting.declarations.sections import Sections
from services.alerting.grouping import digest
from services.alerting.grouping.group import Times
from services.alerting.handler_base import Grouper
from services.bus.subjects import alert_subject

_SECOND = 10**9


@dataclass(frozen=True, kw_only=True)
class Options:
    """By what is grouped, when it is told, and where that goes; times in ns."""

    by: tuple[str, ...] = option("The tags whose values a group has in common; none: one group of all", Strings)
    topic: str = option("The topic that the event is put into", fields.String)
    wait: int = option(
        "How long after its first alert a group is told: ns, or a text as 30s", Nanoseconds, 30 * _SECOND
    )
    interval: int = option("How long after that changes of it are told", Nanoseconds, 300 * _SECOND)
    repeat: int = option("How long after that it is told again, unchanged; 0: never", Nanoseconds, 4 * 3600 * _SECOND)
    message: str = option("A template of its message", fields.String, digest.MESSAGE)
    details: str = option("A template of its details", fields.String, digest.DETAILS)


class GroupHandler(Grouper[Options]):
    """Who has it make events, and when: services/alerting/grouping/groups.py."""

    kind = "group"
    type_name = "GroupHandler"
    in_scripts = False
    options = Options

    def check(self, options: Options, sections: Sections) -> None:
        """There must be a topic, times that are none below 0, and templates that can be executed."""
        if not options.topic:
            raise ValueError("topic must be given")
        alert_subject(options.topic)
        if min(options.wait, options.interval, options.repeat) < 0:
            raise ValueError("wait, interval and repeat must not be negative")
        digest.check(options.message, options.details)

    def topic(self, options: Options) -> str:
        return options.topic

    def times(self, options: Options) -> Times:
        return Times(options.wait, options.interval, options.repeat)


HANDLER = GroupHandler()
