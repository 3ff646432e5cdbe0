"""Carrying out what tasks want done outside, for workers and recorders alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from services.alertlog.alert_messages import alert_messages
from services.alertlog.outbox import OutboundMessage, Outbox
from services.bus.epochs import Epochs
from services.bus.leases.status import LeaseStatus
from services.bus.positions import EventsSeq, PartOf
from services.bus.subjects import write_subject
from services.runtime.effects import Effect, Failure, ForAlerting, Output, Write
from services.runtime.errors import TaskFailed
from services.runtime.input.line_protocol_decoder import LOOPBACKS
from services.runtime.progress.loopbacks import REACHED, WRITER


class Emitter(Protocol):
    """A task under way, as far as what it wants done outside goes."""

    @property
    def id(self) -> str:
        """The task's."""

    @property
    def started(self) -> EventsSeq:
        """Of the event that first said that it runs."""

    @property
    def part(self) -> PartOf | None:
        """Which part of the task it is, None where that runs whole."""

    @property
    def lease_status(self) -> Callable[[], LeaseStatus]:
        """Tells whether what it wants done may be done."""


class EffectExecutor:
    """Has effects done: what goes to the bus by an outbox, the rest at once while the run's lease is held."""

    def __init__(self, outbox: Outbox, epochs: Epochs | None = None, replay: str = "", write_back: bool = True) -> None:
        """epochs: of the log that runs read, None where they do not.

        replay: its id, for what runs in one. write_back: whether points go back to the bus, where all the live tasks
        get them; without, they stay unwritten.
        """
        self._outbox, self._epochs = outbox, epochs
        self._replay, self._write_back = replay, write_back

    def perform(self, emitter: Emitter, effects: Sequence[Effect]) -> None:
        """Have done what a step wants done outside. Raises TaskFailed where the last of it is the task's end."""
        for effect in effects:
            if isinstance(effect, ForAlerting):
                self._alert(emitter, effect)
            elif isinstance(effect, Write):
                if self._write_back:
                    self._write(emitter, effect)
            elif isinstance(effect, Failure):
                raise TaskFailed(effect.reason)
            elif isinstance(effect, Output) and emitter.lease_status() is LeaseStatus.HELD:
                effect.do()

    def _alert(self, emitter: Emitter, effect: ForAlerting) -> None:
        limit = self._outbox.max_data
        for key, subject, data in alert_messages(
            effect, emitter.started, self._replay, limit, self._epochs, emitter.part
        ):
            self._outbox.send(key, OutboundMessage(subject, data, None, emitter.lease_status))

    def _write(self, emitter: Emitter, effect: Write) -> None:
        subject = write_subject(effect.database, effect.retention_policy)
        headers = {LOOPBACKS: str(effect.loopbacks), WRITER: effect.writer, REACHED: effect.reached}
        message = OutboundMessage(subject, effect.lines, effect.message_id, emitter.lease_status, headers)
        self._outbox.send(f"{emitter.id}/{subject}", message)
