"""aggregate: make one event of all that come in an interval, and put it into another topic.

Its level is the worst of theirs, its time the latest, its duration the longest; its details are their messages, a line
each, its data are all their series. Intervals are counted from when the handler was made. Where so much comes that one
event cannot hold it, several are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marshmallow import fields

from grammar.gotemplate import Duration, Int, Struct, TemplateError
from grammar.gotemplate import parse as parse_template
from services.alerting.declarations.options import Integer, option
from services.alerting.declarations.sections import Sections
from services.alerting.handler_base import Aggregator
from services.alerting.topics.alert_event import AlertEvent, rows_of
from services.bus.subjects import alert_subject

_MESSAGE = "Received {{ .Count }} events in the last {{.Interval}}."


class MessageData(Struct, go="alert.aggregateMessageData"):
    """What the message's template sees."""

    Count: Int
    Interval: Duration


@dataclass(frozen=True, kw_only=True)
class Options:
    """The new event, and where it goes; interval in ns."""

    id: str = option("The id of the event that is made", fields.String)
    interval: int = option("How long events are gathered, in ns", Integer)
    topic: str = option("The topic that the event is put into", fields.String)
    message: str = option("A template of its message, which sees .Count and .Interval", fields.String, _MESSAGE)


class AggregateHandler(Aggregator[Options]):
    """Who has it make events, and when: services/alerting/delivery/aggregation.py."""

    kind = "aggregate"
    type_name = "AggregateHandler"
    in_scripts = False
    options = Options

    def check(self, options: Options, sections: Sections) -> None:
        """There must be an interval, a topic, and a template that can be executed."""
        if options.interval <= 0:
            raise ValueError("interval must be given, and positive")
        if not options.topic:
            raise ValueError("topic must be given")
        alert_subject(options.topic)
        try:
            _message(options, 0, 0)
        except TemplateError as error:
            raise ValueError(f"message: {error}") from None

    def interval(self, options: Options) -> int:
        return options.interval

    def topic(self, options: Options) -> str:
        return options.topic

    def combine(self, events: Sequence[AlertEvent], options: Options) -> AlertEvent:
        return AlertEvent(
            topic=options.topic,
            task="",
            id=options.id,
            message=_message(options, len(events), options.interval),
            given_details="\n".join(event.message for event in events),
            level=max(event.level for event in events),
            previous=0,
            time=max(event.time for event in events),
            duration=max(event.duration for event in events),
            recoverable=False,
            name="",
            group="",
            tags={},
            fields={},
            rows=[row for event in events for row in rows_of(event)],
            server=("", "", ""),
            place=events[-1].place,
            replay=events[0].replay if len({event.replay for event in events}) == 1 else "",
        )


def _message(options: Options, count: int, interval: int) -> str:
    return parse_template(options.message, "message").execute(MessageData(Int(count), Duration(interval)))


HANDLER = AggregateHandler()
