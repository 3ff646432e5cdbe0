"""aggregate: make one event of all that come in an interval, and put it into another topic.

Its level is the worst of theirs, its time the latest, its duration the longest; its details are their messages, a line
each, its data are all their series. Intervals are counted from when the handler was made. Where so much comes that one
event cannot hold it, several are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, post_load

from grammar.gotemplate import Duration, Int, Struct, TemplateError
from grammar.gotemplate import parse as parse_template
from services.bus.subjects import alert_subject
from services.pipeline.spec import HandlerSpec, Properties

if TYPE_CHECKING:
    from services.alerting.event import Event

_MESSAGE = "Received {{ .Count }} events in the last {{.Interval}}."


class MessageData(Struct, go="alert.aggregateMessageData"):
    """What the message's template sees."""

    Count: Int
    Interval: Duration


@dataclass(frozen=True, slots=True)
class Options:
    """The new event's id and message (a template) and where it goes; interval in ns."""

    id: str
    interval: int
    topic: str
    message: str


class OptionsSchema(Schema):
    """{"id": the event's, "interval": ns, "topic": where it goes, "message": template}"""

    id = fields.String(load_default="", metadata={"doc": "The id of the event that is made."})
    interval = fields.Integer(load_default=0, strict=True, metadata={"doc": "How long events are gathered, in ns."})
    topic = fields.String(load_default="", metadata={"doc": "The topic that the event is put into."})
    message = fields.String(
        load_default=_MESSAGE, metadata={"doc": "A template of its message, which sees .Count and .Interval."}
    )

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(**data)


SPEC = HandlerSpec("aggregate", "AggregateHandler", Properties, __doc__ or "", in_scripts=False)
OPTIONS = OptionsSchema()


def check(options: Options, sections: Mapping[str, Any]) -> None:
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


def interval(options: Options) -> int:
    """How long events are gathered, ns."""
    return options.interval


def topic(options: Options) -> str:
    """Where the event goes."""
    return options.topic


def combine(events: Sequence[Event], options: Options) -> Event:
    """One event of at least one."""
    # what makes events of events is loaded by alerting alone: the gateway needs no more than the check
    from services.alerting.event import Event
    from services.alerting.forward import rows_of

    return Event(
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
