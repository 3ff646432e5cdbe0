"""What every alert handler is: a module in services/alerting/handlers with these names in it.

SPEC: HandlerSpec                     what scripts may write of it
OPTIONS: marshmallow schema           its options as JSON -> an instance of its options class
CONFIG_SECTIONS: {name: schema}       the sections of the configuration that it reads, if any
CONFIG_DEFAULTS: {name: sections}     for a section that may stand repeatedly: what counts where none is configured
TEST: Trial                           how the service can be tested, if it can (services.alerting.trials)
check(options, sections) -> None      raises ValueError, in the reference's words, where it cannot work with these
timeout(options) -> float | None      seconds after which an attempt is broken off; None: it ends by itself
async handle(event, options, around)  sends one event; raises Unsent or Refused where the sink did not take it

where its section may have `global`:

everywhere(sections) -> (bool, bool)  whether every alert uses it, and whether then only changes of level are sent

or, of one that makes one event of all that came in an interval, in the place of `timeout` and `handle`

interval(options) -> int              ns
topic(options) -> str                 where the event goes
combine(events, options) -> Event     the event

A handler keeps nothing between events but what `Around` lends to it.
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
    from services.alerting.http import Http


class Unsent(Exception):
    """The sink did not answer, or said that it cannot now: to try again may help."""


class Refused(Exception):
    """The sink has answered that it does not take the event, or it cannot be sent at all: it is given up on."""


@dataclass(frozen=True, slots=True)
class Around:
    """What is lent to handlers. sections: the configuration's, by name; http: one client for all.

    url: that of the API, as services that link to it are told it.
    forward: puts events into topics in the handler's name; None only where no handler is that would.
    """

    http: Http
    sections: Mapping[str, Any] = field(default_factory=dict)
    forward: Forwarder | None = None
    url: str = ""


class Handler(Protocol):
    """A module of services/alerting/handlers."""

    SPEC: HandlerSpec
    OPTIONS: Schema

    @staticmethod
    def check(options: Any, sections: Mapping[str, Any]) -> None: ...

    @staticmethod
    def timeout(options: Any) -> float | None: ...

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
