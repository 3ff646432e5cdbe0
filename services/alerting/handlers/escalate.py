"""escalate: put alerts into another topic that nobody has acknowledged for so long.

That topic's handlers wake the next one in line. What is put there is the alert as it stands `after` so long since it
began, by the times of its data, and its end once it is OK. One that is acknowledged by then is not; nor is one that is
silenced. `match` says which alerts are meant, as of any handler.
"""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import fields

from schemas.config.fields import Nanoseconds
from services.alerting.declarations.options import option
from services.alerting.declarations.sections import Sections
from services.alerting.handler_base import Escalator
from services.bus.subjects import alert_subject


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where to, and after how long, in ns."""

    topic: str = option("The topic that the alert is put into", fields.String)
    after: int = option("After how long without an acknowledgement: ns, or a text as 15m", Nanoseconds, 900 * 10**9)


class EscalateHandler(Escalator[Options]):
    """Who looks for them: services/alerting/escalation/escalations.py."""

    kind = "escalate"
    type_name = "EscalateHandler"
    in_scripts = False
    options = Options

    def check(self, options: Options, sections: Sections) -> None:
        """There must be a topic, and a time above 0."""
        if not options.topic:
            raise ValueError("topic must be given")
        alert_subject(options.topic)
        if options.after <= 0:
            raise ValueError("after must be positive")

    def topic(self, options: Options) -> str:
        return options.topic

    def after(self, options: Options) -> int:
        return options.after


HANDLER = EscalateHandler()
