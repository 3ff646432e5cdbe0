"""publish: have each event in other topics, too. Their handlers get it as if it had been theirs from the first.

The id, message, data and the rest of the event stay as they are. An event does not come back to a topic that it has
been in, whatever handlers say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, post_load

from services.alerting.handler import Around, Refused
from services.bus.subjects import alert_subject
from services.pipeline.spec import HandlerSpec, Properties

if TYPE_CHECKING:
    from services.alerting.event import Event


@dataclass(frozen=True, slots=True)
class Options:
    """Into which topics."""

    topics: tuple[str, ...]


class OptionsSchema(Schema):
    """{"topics": [topic …]}"""

    topics = fields.List(fields.String(), load_default=list, metadata={"doc": "The topics."})

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(tuple(data["topics"]))


SPEC = HandlerSpec("publish", "PublishHandler", Properties, __doc__ or "", in_scripts=False)
OPTIONS = OptionsSchema()


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Every topic is taken whose name the bus can carry."""
    for topic in options.topics:
        alert_subject(topic)


def timeout(options: Options, around: Around) -> None:
    """None: it tries until the bus takes the event."""


async def handle(event: Event, options: Options, around: Around) -> None:
    """Put it into each of the topics."""
    assert around.forward is not None
    refused = []
    for topic in options.topics:
        try:
            await around.forward.publish(event, topic)
        except Refused as problem:
            refused.append(str(problem))
    if refused:
        raise Refused("; ".join(refused))
