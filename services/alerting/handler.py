"""What every alert handler is: a module in services/alerting/handlers with these names in it.

SPEC: HandlerSpec                     what scripts may write of it
OPTIONS: marshmallow schema           its options as JSON -> an instance of its options class
CONFIG_SECTIONS: {name: schema}       the sections of the configuration that it reads, if any
CONFIG_DEFAULTS: {name: sections}     for a section that may stand repeatedly: what counts where none is configured
TEST: Trial                           how the service can be tested, if it can (services.alerting.trials)
check(options, sections) -> None      raises ValueError, in the reference's words, where it cannot work with these
async handle(event, options, around)  sends one event; raises Unsent or Refused where the sink did not take it

where an attempt may take another time than `Around.timeout`:

timeout(options, around) -> float | None  seconds after which it is broken off; None: it ends by itself

where its section may have `global`:

everywhere(sections) -> (bool, bool)  whether every alert uses it, and whether then only changes of level are sent

or, of one that makes one event of all that came in an interval, in the place of `handle`

interval(options) -> int              ns
topic(options) -> str                 where the event goes
combine(events, options) -> Event     the event

A handler keeps nothing between events but what `Around` lends to it. What an attempt raises says what becomes of the
event: after Unsent it is tried again, in the same `Around`, for as long as `retry-for` in [alert] says; after Refused,
or at the end of that time, it is given up on, which is logged and counted once. An attempt that was broken off counts
as Unsent whether or not all was sent: an alert that may have come is better than one that may not. So everything that
is sent carries the event's `key`, by which a receiver can tell that it has had it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from marshmallow import Schema

from services.pipeline.spec import HandlerSpec

if TYPE_CHECKING:
    from services.alerting.event import Event
    from services.alerting.forward import Forwarder
    from services.alerting.http import Answer, Http, Tls

_KEY = "Idempotency-Key"


class Unsent(Exception):
    """The sink did not answer, or said that it cannot now: to try again may help.

    wait: for how many seconds the sink asked not to be tried again.
    """

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait


class PartlySent(Unsent):
    """As Unsent, but it was sent to some of those who are to have it: other events need not wait for the rest."""


class Refused(Exception):
    """The sink has answered that it does not take the event, or it cannot be sent at all: it is given up on."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is lent to handlers. sections: the configuration's, by name; http: one client for all.

    url: that of the API, as services that link to it are told it.
    forward: puts events into topics in the handler's name; None only where no handler is that would.
    timeout: seconds that an attempt to send may take, 0 for ever.
    key: what identifies the event and the handler, the same in every attempt and after a restart; "" in a trial.
    came: when the event came, ns; 0 in a trial.
    memory: what the handler notes of an attempt for those after it.
    """

    http: Http
    sections: Mapping[str, Any] = field(default_factory=dict)
    forward: Forwarder | None = None
    url: str = ""
    timeout: float = 30.0
    key: str = ""
    came: int = 0
    memory: dict[str, Any] = field(default_factory=dict)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, tls: Tls | None = None) -> Answer:
        """As `Http.post`, with the event's key as Idempotency-Key where the headers have none of their own."""
        if self.key and not any(name.lower() == _KEY.lower() for name in headers):
            headers = {**headers, _KEY: self.key}
        return await self.http.post(url, headers, body, tls=tls)


class Handler(Protocol):
    """A module of services/alerting/handlers."""

    SPEC: HandlerSpec
    OPTIONS: Schema

    @staticmethod
    def check(options: Any, sections: Mapping[str, Any]) -> None: ...

    @staticmethod
    async def handle(event: Event, options: Any, around: Around) -> None: ...


class Collector(Protocol):
    """A module of services/alerting/handlers whose handler makes one event of many."""

    SPEC: HandlerSpec
    OPTIONS: Schema

    @staticmethod
    def check(options: Any, sections: Mapping[str, Any]) -> None: ...

    @staticmethod
    def interval(options: Any) -> int: ...

    @staticmethod
    def topic(options: Any) -> str: ...

    @staticmethod
    def combine(events: Sequence[Event], options: Any) -> Event: ...


def collects(handler: Handler | Collector) -> TypeGuard[Collector]:
    """Whether it is one that makes one event of many."""
    return hasattr(handler, "combine")
