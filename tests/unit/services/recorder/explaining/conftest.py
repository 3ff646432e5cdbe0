"""A gateway and a recorder, and a task that runs in the test as a worker would run it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.alertlog.alert_messages import alert_messages
from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.follow import StoredMessage
from services.bus.positions import EventsSeq
from services.bus.streams import WRITES
from services.bus.subjects import escape, write_subject
from services.dryrun.log_run import LogRun
from services.runtime.effects import Alerts
from tests.support.worker import StandInWorker
from tests.unit.services.dryrun.test_log_run import task
from tests.unit.services.recorder.conftest import nats_server

__all__ = ["nats_server"]


@dataclass
class World:
    """One task, with a database of its own, whose alerts go to the bus as a worker sends them."""

    bus: Bus
    api: httpx.AsyncClient
    script: str
    task: str = field(default_factory=lambda: f"task-{secrets.token_hex(4)}")
    messages: list[StoredMessage] = field(default_factory=list)
    started: int = 0

    @property
    def db(self) -> str:
        """The database that the task reads."""
        return f"db-{self.task}"

    @property
    def subject(self) -> str:
        """Where its writes go."""
        return write_subject(self.db, "rp")

    async def enable(self) -> None:
        """Have it defined and say that it runs."""
        dbrps = [{"db": self.db, "rp": "rp"}]
        body = {"id": self.task, "type": "stream", "script": self.script, "dbrps": dbrps, "status": "enabled"}
        answer = await self.api.post("/tasks", json=body)
        assert answer.status_code == 200, answer.text
        await self.noted()

    async def noted(self) -> None:
        """The run that goes on is the last that has started."""
        last = await self.bus.last_message(f"tickbus.event.run.{escape(self.task)}.started")
        assert last is not None
        self.started = last.seq

    async def write(self, *bodies: str, db: str = "") -> list[int]:
        """Put bodies into the log; gives their places."""
        seqs = []
        for body in bodies:
            subject = write_subject(db or self.db, "rp")
            stored = await self.bus.get_message(WRITES, (await self.bus.publish(subject, body.encode(), {})).seq)
            assert stored is not None
            seqs.append(stored.seq)
            if not db:
                self.messages.append(stored)
        return seqs

    async def run(self, replay: str = "") -> list[Alerts]:
        """Have the task go through all that was written; its alerts go to the bus."""
        epochs = (await WritesLog.open(self.bus)).epochs
        with LogRun(task(self.script, self.task, self.db)) as run:
            effects = [e for e in await run.take(self.messages) if isinstance(e, Alerts)]
        for effect in effects:
            for _, subject, data in alert_messages(effect, EventsSeq(self.started), replay, 1 << 20, epochs):
                await self.bus.publish(subject, data, {})
        return effects

    async def why(self, topic: str, id: str, status: int = 200, **parameters: str) -> dict[str, Any]:
        """What is answered."""
        answer = await self.api.get(f"/alerts/topics/{topic}/events/{id}/why", params=parameters)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def why_not(self, status: int = 200, **parameters: str) -> dict[str, Any]:
        """What is answered."""
        answer = await self.api.get(f"/tasks/{self.task}/why-not", params=parameters)
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def apis(api: httpx.AsyncClient, bus: Bus, recorder: None, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway's client, with a recorder, and somebody who says that tasks run."""
    async with StandInWorker(bus, tmp_path / "worker.lmdb"):
        yield api
