"""Having a topic take over how alerts stood in another server. HTTP and the bus both come here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from marshmallow import ValidationError

from grammar.golang.durations import parse_go_duration
from grammar.golang.quoting import quote
from grammar.golang.times import parse_rfc3339
from schemas.api.alert_states import TakeOverStatesSchema
from schemas.requests.alerting import LEVELS
from services.alertlog.bringing_in import BroughtEvent, encode
from services.bus.connection import Bus
from services.bus.errors import BusError, PayloadTooLarge
from services.bus.positions import EventsSeq
from services.bus.subjects import alert_subject
from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.nats_disk import NatsDisk
from services.gateway.operations.operation_error import OperationError, invalid_json
from services.process.pools import Busy, Pool

T = TypeVar("T")

_REQUEST = TakeOverStatesSchema()
_threads = Pool("alert states", 2, most_waiting=16)  # a request may hold so many that the loop must not wait for it
_TIMES = range(-(1 << 63), 1 << 63)  # what nanoseconds since 1970 may be


class AlertStateCommands:
    """What is taken over lies in ALERTS: topics have it, no handler is told."""

    def __init__(self, bus: Bus, alerting: AlertingClient, disk: NatsDisk) -> None:
        self._bus, self._alerting, self._disk = bus, alerting, disk

    async def take_over(self, body: Any) -> dict[str, int]:
        """Take states over; how many, and what became of the others. Raises OperationError.

        Tasks that run keep to what they know of their alerts: it counts for those that start later.
        """
        try:
            given: dict[str, Any] = await _aside(_REQUEST.load, body)
        except ValidationError as error:
            raise invalid_json() from error
        topic = given["topic"]
        try:
            subject = alert_subject(topic)
        except ValueError as error:
            raise OperationError(400, f"topic: {error}") from error
        stood = await self._alerting.levels(topic)
        counts, chosen = await _aside(_compared, given["events"], stood, given["overwrite"])
        if chosen and not given["dry_run"]:
            await self._publish(subject, chosen)
        return counts

    async def _publish(self, subject: str, events: list[BroughtEvent]) -> None:
        full = self._disk.refuses_changes()
        if full:
            raise OperationError(503, f"the states cannot be stored: {full}")
        position, limit = EventsSeq(self._alerting.position), self._bus.max_data
        seq = 0
        try:
            for data in await _aside(lambda: list(encode(events, position, limit))):
                seq = (await self._bus.publish(subject, data)).seq
        except PayloadTooLarge as error:
            raise OperationError(413, f"too large: {error}") from error
        except BusError as error:
            raise OperationError(503, f"the states could not be stored: {error}") from error
        await self._alerting.folded(seq)


async def _aside(work: Callable[..., T], *arguments: Any) -> T:
    """Have it done in a thread. Raises OperationError where too much waits for one."""
    try:
        return await _threads.run(work, *arguments)
    except Busy as error:
        raise OperationError(503, f"the states cannot be taken now: {error}") from error


def _compared(
    given: list[dict[str, Any]], stood: Mapping[str, tuple[int, int, int]], overwrite: bool
) -> tuple[dict[str, int], list[BroughtEvent]]:
    """What is to become of events, counted, and those that are taken. stood: how the topic's ids stand."""
    counts = {"taken": 0, "same": 0, "differ": 0, "later": 0}
    chosen = []
    for event in _events(given):
        what = _outcome(event, stood.get(event.id), overwrite)
        counts[what] += 1
        if what == "taken":
            chosen.append(event)
    return counts, chosen


def _events(given: list[dict[str, Any]]) -> list[BroughtEvent]:
    """As they stand, the last of each id."""
    found = {}
    for one in given:
        state = one["state"]
        try:
            time = parse_rfc3339(state.get("time", ""))
            duration = parse_go_duration(state.get("duration", "0s"))
        except ValueError as error:
            raise OperationError(400, f"event {quote(one['id'])}: {error}") from error
        if time not in _TIMES or duration not in _TIMES:
            raise OperationError(400, f"event {quote(one['id'])}: its time or duration is out of range")
        level = LEVELS.index(state.get("level", LEVELS[0]))
        texts = state.get("message", ""), state.get("details", "")
        found[one["id"]] = BroughtEvent(one["id"], level, time, duration, *texts)
    return list(found.values())


def _outcome(event: BroughtEvent, stands: tuple[int, int, int] | None, overwrite: bool) -> str:
    """What is to become of an event, where its id stands so (level, time, duration)."""
    if stands is None:
        return "taken"
    if tuple(stands) == (event.level, event.time, event.duration):
        return "same"
    if event.time < stands[1]:
        return "later"
    return "taken" if overwrite else "differ"
