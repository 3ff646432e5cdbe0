"""publish: have each event in other topics, too. Their handlers get it as if it had been theirs from the first.

The id, message, data and the rest of the event stay as they are. An event does not come back to a topic that it has
been in, whatever handlers say.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.alerting.declarations.options import Strings, option
from services.alerting.declarations.sections import Sections
from services.alerting.errors import Rejected
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.bus.subjects import alert_subject


@dataclass(frozen=True, kw_only=True)
class Options:
    """Into which topics."""

    topics: tuple[str, ...] = option("The topics", Strings)


class PublishHandler(AlertHandler[Options]):
    """Every topic is taken whose name the bus can carry."""

    kind = "publish"
    type_name = "PublishHandler"
    in_scripts = False
    options = Options

    def check(self, options: Options, sections: Sections) -> None:
        for topic in options.topics:
            alert_subject(topic)

    def timeout(self, options: Options, context: HandlerContext) -> None:
        """None: it tries until the bus takes the event."""

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        assert context.forward is not None
        refused = []
        for topic in options.topics:
            try:
                await context.forward.publish(event, topic)
            except Rejected as problem:
                refused.append(str(problem))
        if refused:
            raise Rejected("; ".join(refused))


HANDLER = PublishHandler()
