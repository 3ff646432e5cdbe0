"""nats: publish each event to NATS, to that of tickbus itself, as a CloudEvent 1.0 in JSON.

The event is in structured mode: header `content-type: application/cloudevents+json`, and a body whose `data` is what a
post has. Its `id` is the header `Nats-Msg-Id` too, so that a stream stores it once. Without a subject it goes to
`tickbus.alerts.<topic>`, is kept in the stream NOTICES, and is sent again until it is there; every topic does so by
itself with each change of a level unless `publish` in [alert] says otherwise.

With a subject it goes to all who listen at that moment, and to the stream that has the subject, if one does. Subjects
of tickbus itself and of NATS (`tickbus.…`, `$…`, `_…`) are refused; `subjects` in [security] says which others these
may be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from services.alerting.declarations.options import ScriptProperty, StringMap, Switch, option
from services.alerting.declarations.sections import Sections
from services.alerting.declarations.templates import rendered
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.topics.cloud_event import CONTENT_TYPE, cloud_event
from services.bus.errors import ApiError, BusError, PayloadTooLarge
from services.bus.subjects import notice_subject
from services.process.permissions import Guard

_TOKEN = r"[^\s.*>\x00-\x1f\x7f]+"
_SUBJECT = re.compile(rf"{_TOKEN}(\.{_TOKEN})*")
_OURS = re.compile(r"[$_]|tickbus(\.|$)")
_LONGEST = 1000
_OWN_HEADERS = ("nats-", "content-type")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and how."""

    subject: str = option("The subject", template=True, unless="`tickbus.alerts.<topic>`")
    headers: Mapping[str, str] = option("Headers by name", StringMap, script=ScriptProperty("header"))
    acknowledged: bool = option(
        "Send it again until a stream of JetStream has acknowledged it; without a subject that is always so", Switch
    )


class NatsHandler(AlertHandler[Options]):
    """What was published to the bus of tickbus was taken by the server, or by a stream where that is asked for."""

    kind = "nats"
    type_name = "NATSHandler"
    options = Options

    def check(self, options: Options, sections: Sections) -> None:
        """The subject must be a template or a subject that may be published to, the headers such as NATS takes."""
        super().check(options, sections)
        if options.subject and "{{" not in options.subject:
            _check_subject(options.subject)
        for name, value in options.headers.items():
            if not re.fullmatch(r"[!-~]+", name) or ":" in name or '"' in name or re.search(r"[\r\n]", value):
                raise ValueError(f"not a header: {name!r}")
            if name.lower().startswith(_OWN_HEADERS):
                raise ValueError(f"the header {name!r} is not for handlers to set")

    def permitted(self, options: Options, sections: Sections, guard: Guard) -> None:
        """The subject must be one that may be published to; of a template that shows when an event is sent."""
        if options.subject and "{{" not in options.subject:
            guard.subject(options.subject)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        id, body = cloud_event(event)
        headers = {**options.headers, "content-type": CONTENT_TYPE}
        try:
            subject = rendered(options, event).subject if options.subject else notice_subject(event.topic)
            if options.subject:
                _check_subject(subject)
                context.guard.subject(subject)
            if context.bus is None:
                raise Unsent("there is no NATS to publish to")
            if options.subject:
                _check_subject(context.bus.names.subject_in(subject))
            if options.acknowledged or not options.subject:
                await context.bus.publish(subject, body, headers, msg_id=id)
            else:
                await context.bus.send(subject, body, {**headers, "Nats-Msg-Id": id})
        except (PayloadTooLarge, ApiError, ValueError) as error:
            raise Rejected(str(error)) from error
        except BusError as error:
            raise Unsent(str(error)) from error


def _check_subject(subject: str) -> None:
    """ValueError for what nobody can publish to, or handlers may not."""
    if len(subject) > _LONGEST or not _SUBJECT.fullmatch(subject):
        raise ValueError(f"not a subject that can be published to: {subject[:100]!r}")
    if _OURS.match(subject):
        raise ValueError(f"the subject {subject[:100]!r} is not for handlers to publish to")


HANDLER = NatsHandler()
