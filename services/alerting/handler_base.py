"""What every alert handler is: a file in services/alerting/handlers that ends with `HANDLER`, an `AlertHandler`.

A handler says what options it takes (services/alerting/declarations), what it sends, and what counts as success. It
keeps nothing between events but what `HandlerContext` lends to it. What an attempt raises says what becomes of the
event: after Unsent it is tried again, in the same `HandlerContext`, for as long as `retry-for` in [alert] says; after
Rejected, or at the end of that time, it is given up on (dead-lettered), which is logged and counted once. An attempt
that was broken off counts as Unsent whether or not all was sent: an alert that may have come is better than one that
may not. So everything that is sent carries the event's `key`, by which a receiver can tell that it has had it.

Options that are templates are checked where the handler is defined; the handler has them rendered for each event, by
`rendered(options, event)` of services/alerting/declarations/templates.

Services that are posted to over HTTP have a base of their own: services/alerting/http_service.py.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from marshmallow import Schema

from schemas.config.section import schema_of
from services.alerting.declarations.options import given_by_default
from services.alerting.declarations.script import options_from, properties_of
from services.alerting.declarations.sections import Section, Sections
from services.alerting.declarations.templates import check_templates
from services.alerting.grouping.group import Times
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.http import Http, HttpResponse
from services.alerting.transports.tls import Tls
from services.bus.connection import Bus
from services.pipeline.spec import HandlerSpec, Properties
from services.process.permissions import OPEN, Guard

O = TypeVar("O")  # noqa: E741 - a handler's options

_KEY = "Idempotency-Key"


class EventPublisher(Protocol):
    """Who puts events into topics, in a handler's name."""

    async def publish(self, event: AlertEvent, topic: str) -> None:
        """Have an event in a topic. Rejected where it has been there, or is too large."""


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """What is lent to handlers. sections: the configuration's, by name; http: one client for all.

    url: that of the API, as services that link to it are told it.
    forward: puts events into topics in the handler's name; None only where no handler is that would.
    timeout: seconds that an attempt to send may take, 0 for ever.
    key: what identifies the event and the handler, the same in every attempt and after a restart; "" in a service test.
    received: when the event came, ns; 0 in a service test.
    memory: what the handler notes of an attempt for those after it.
    guard: what may be done on this machine.
    bus: that of tickbus itself; None where there is none.
    shared_secret: that of [http], with which clusters of InfluxDB are logged in to that say so.
    """

    http: Http
    sections: Sections = field(default_factory=dict)
    forward: EventPublisher | None = None
    url: str = ""
    timeout: float = 30.0
    key: str = ""
    received: int = 0
    memory: dict[str, Any] = field(default_factory=dict)
    guard: Guard = OPEN
    bus: Bus | None = None
    shared_secret: str = ""

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, tls: Tls | None = None) -> HttpResponse:
        """As `Http.post`, with the event's key as Idempotency-Key where the headers have none of their own."""
        if self.key and _KEY.lower() not in map(str.lower, headers):
            headers = {**headers, _KEY: self.key}
        return await self.http.post(url, headers, body, tls=tls)


class Declaration(ABC, Generic[O]):
    """What is known of a handler without an event. Class attributes say it:

    kind: as the API calls it; method: as scripts write it, where that is another word; in_scripts: whether they can.
    type_name: the reference's type. created_as: what the reference cannot create where `check` raises; "": that is not
    looked at when a task starts.
    options: the class of its options; section: the section of the configuration that it reads, if any.
    test_options: what a test of the service is given, by its names there; none: it cannot be tested.
    """

    kind: ClassVar[str]
    method: ClassVar[str] = ""
    in_scripts: ClassVar[bool] = True
    type_name: ClassVar[str]
    created_as: ClassVar[str] = ""
    options: ClassVar[type[Any]]
    section: ClassVar[Section[Any] | None] = None
    test_options: ClassVar[Mapping[str, Any]] = {}

    @cached_property
    def spec(self) -> HandlerSpec:
        """What scripts may write of it. Its documentation is the docstring of the handler's file."""
        doc = sys.modules[type(self).__module__].__doc__ or ""
        name = f"{self.type_name}Properties"
        properties = properties_of(name, self.options, self.check_script) if self.in_scripts else Properties
        if self.in_scripts:
            # scripts are compiled in a process of their own: what comes from there is found under this name
            properties.__module__, properties.__qualname__ = type(self).__module__, "HANDLER.spec.properties"
        return HandlerSpec(
            self.kind,
            self.type_name,
            properties,
            doc,
            lambda properties: options_from(self.options, properties),
            self.check_start,
            self.in_scripts,
            self.method,
        )

    @cached_property
    def schema(self) -> Schema:
        """Its options as JSON -> an instance of `options`."""
        return schema_of(self.options)()

    def check(self, options: O, sections: Sections) -> None:
        """ValueError, in the reference's words, where it cannot work with these: what are templates must be such."""
        check_templates(options)

    def check_start(self, given: dict[str, Any], sections: Sections) -> None:
        """The same for options in JSON, of a task that is to start."""
        if not self.created_as:
            return
        try:
            self.check(self.schema.load(given), sections)
        except ValueError as error:
            raise ValueError(f"failed to create {self.created_as}: {error}") from None

    def check_script(self, properties: Any) -> None:
        """ValueError, in the reference's words, where a script's properties do not go together."""

    def permitted(self, options: O, sections: Sections, guard: Guard) -> None:
        """NotPermitted where [security] does not allow what these ask for."""

    @property
    def perhaps_everywhere(self) -> bool:
        """Whether its section has a setting for that."""
        return self.section is not None and hasattr(self.section.kind(), "global_")

    def everywhere(self, sections: Sections) -> tuple[bool, bool]:
        """Whether every alert uses it (`global` of its section), and whether then only changes of level are sent."""
        section: Any = self.section.of(sections) if self.section is not None else None
        used = getattr(section, "global_", False)
        return used, used and getattr(section, "state_changes_only", False)

    def tested_with(self, sections: Sections) -> dict[str, Any]:
        """What a test of the service is given where nothing else is said, as JSON."""
        section = self.section.of(sections) if self.section is not None else None
        return given_by_default(self.test_options, self.options, section)

    async def test(self, given: Mapping[str, Any], context: HandlerContext) -> None:
        """Send something to the service. Raises Rejected, Unsent or ValueError, whose text the test ends with."""
        raise NotImplementedError


class AlertHandler(Declaration[O]):
    """One that sends each event by itself."""

    def timeout(self, options: O, context: HandlerContext) -> float | None:
        """Seconds after which an attempt is broken off; None: it ends by itself."""
        return context.timeout or None

    @abstractmethod
    async def handle(self, event: AlertEvent, options: O, context: HandlerContext) -> None:
        """Send an event. Raises Unsent or Rejected where the sink did not take it."""


class Aggregator(Declaration[O]):
    """One that makes one event of all that come in an interval."""

    @abstractmethod
    def interval(self, options: O) -> int:
        """How long events are gathered, ns."""

    @abstractmethod
    def topic(self, options: O) -> str:
        """Where the event goes."""

    @abstractmethod
    def combine(self, events: Sequence[AlertEvent], options: O) -> AlertEvent:
        """One event of at least one."""


class Observer(Declaration[O]):
    """One that is given no events, but looks at how the alerts of its topic stand; what it makes of that goes into
    another topic."""

    @abstractmethod
    def topic(self, options: O) -> str:
        """Where that goes."""


class Grouper(Observer[O]):
    """One that tells of groups of alerts."""

    @abstractmethod
    def times(self, options: O) -> Times:
        """When they are told."""


class Escalator(Observer[O]):
    """One that has alerts in another topic that nobody sees to."""

    @abstractmethod
    def after(self, options: O) -> int:
        """For how long nobody has, ns."""
