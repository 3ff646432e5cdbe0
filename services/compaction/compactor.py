"""The compaction of EVENTS: one process at a time, cycle after cycle (see schemas.events.compaction).

What a cycle removes lay before the `begun` of the cycle before, so that whoever follows the log has had all of it for
as long as a cycle takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from schemas.events.compaction import ID, KIND, SUBJECT
from services.bus import events
from services.bus.buckets.kv import Bucket
from services.bus.connection import Bus
from services.bus.errors import BusError, WrongSequence
from services.bus.events import Event
from services.bus.leases.claims import Claim
from services.bus.streams import ALERTS, EVENTS
from services.bus.subjects import ALERTS as ALERT_SUBJECTS
from services.bus.subjects import parse_alert_subject, parse_inhibition_subject
from services.compaction.lives import Name
from services.compaction.survey import SUBJECTS, CompactionPlan, Survey
from services.process import log as logs
from services.store.compaction import Compaction, compaction_of
from services.store.folds import recordings

_log = logs.get("compaction")

_CLAIM = "compaction/events"
_ENDINGS = (
    "task.*.deleted",
    "run.*.stopped",
    *(f"{kind}.*.deleted" for kind in (*recordings.BUCKETS, "user", "silence", "mute")),
    "flapping.*.withdrawn",
    "load.>",
)
_AT_ONCE = 200  # events that are folded before others have their turn
_READ_SECONDS = 30.0
_TRIALS = 4


class Compactor:
    """Compacts for as long as `run` runs."""

    def __init__(self, bus: Bus, claims: Bucket, name: str, every: float) -> None:
        """claims: see services.bus.leases.claims. name: no two that live at the same time have the same. every:
        seconds."""
        self._bus, self._claims, self._name, self._every = bus, claims, name, every
        self._idle_at = -1  # the end of the log at which there was nothing to do

    async def run(self) -> None:
        """One cycle after another, for ever; none where it is to be every 0 s. What fails is tried again."""
        while self._every:
            try:
                if (await compaction_of(self._bus, EVENTS)).done:
                    await asyncio.sleep(self._every)
                await self.cycle()
            except (BusError, TimeoutError) as error:
                _log.limited("cycle").warn("the log of events cannot be compacted now", err=error)
                await asyncio.sleep(self._every)
            except Exception as error:
                _log.exception("compacting the log of events broke off", error)
                await asyncio.sleep(self._every)

    async def cycle(self) -> None:
        """Compact if there is anything to do, and nobody else does. Raises BusError."""
        claim = await Claim.take(self._claims, _CLAIM, self._name)
        if claim is not None:
            async with claim.kept():
                await self._under(claim)

    async def _under(self, claim: Claim) -> None:
        compaction = await compaction_of(self._bus, EVENTS)
        if compaction.done:
            end = await self._bus.last_sequence(EVENTS)
            if end == self._idle_at:
                return
            plan = await self._plan(compaction.seq, end)
            if not plan and not await self._is_anything_later(compaction):
                self._idle_at = end
                return
            compaction = await self._begin(compaction, plan)
        removed = await self._carry_out(claim, compaction)
        await self._say("done", {"begun": compaction.seq})
        if removed:
            state = await self._bus.stream_state(EVENTS)
            _log.info("compacted the log of events", removed=removed, messages=state.messages, bytes=state.bytes)

    async def _plan(self, until: int, end: int) -> CompactionPlan:
        """What can go of what lies before a sequence, by two surveys of the log up to `end` of which one is without."""
        if not until:
            return CompactionPlan()
        alerting = _owners(await self._bus.subjects_of(ALERTS, ALERT_SUBJECTS))
        first_alert = await self._first_alert()
        survey = Survey(until, alerting, first_alert)
        await self._read(survey, end)
        odd: set[Name] = set()
        for _ in range(_TRIALS):
            plan = survey.plan(odd)
            if not plan:
                return plan
            trial = Survey(until, alerting, first_alert, plan)
            await self._read(trial, end)
            different = survey.differs(trial)
            if not different:
                return plan
            odd |= different
        _log.error("what can go from the log of events is not clear, nothing is removed", odd=len(odd))
        return CompactionPlan()

    async def _first_alert(self) -> int:
        state = await self._bus.stream_state(ALERTS)
        message = await self._bus.get_message(ALERTS, state.first_seq) if state.messages else None
        return message.time_ns if message is not None else time.time_ns()

    async def _read(self, survey: Survey, end: int) -> None:
        """Take in what the log holds up to a sequence. TimeoutError where it does not come."""
        async with self._bus.follow(EVENTS, SUBJECTS) as follower:
            left = await follower.lag()
            while left:
                async with asyncio.timeout(_READ_SECONDS):
                    messages = await follower.batch()
                for number, message in enumerate(messages):
                    if not number % _AT_ONCE:
                        await asyncio.sleep(0)
                    if message.seq > end:
                        return
                    try:
                        survey.take(events.decode(message))
                    except ValueError:
                        continue  # no fold has it
                left = follower.pending

    async def _is_anything_later(self, compaction: Compaction) -> bool:
        """Whether something was told that the next cycle may remove."""
        for subject in _ENDINGS:
            if await self._bus.last_subject_sequence(f"tickbus.event.{subject}") > compaction.seq:
                return True
        return False

    async def _begin(self, before: Compaction, plan: CompactionPlan) -> Compaction:
        """Say so, and let nobody see the `begun` any more that was there before."""
        through, gone = plan.purges(), [(one.kind, one.id, one.last) for one in plan.gone]
        event = {"since": before.seq, "through": through, "drops": plan.drops, "gone": gone}
        seq = await self._say("begun", event, before.seq)
        return Compaction(seq, before.seq, dict(through), frozenset(plan.drops), done=False)

    async def _carry_out(self, claim: Claim, compaction: Compaction) -> int:
        """Remove what is to be removed; how many events that were. Whoever was at it before may have removed a part."""
        await self._bus.purge(EVENTS, f"{SUBJECT}begun", compaction.seq - 1)
        removed = 0
        for subject, through in compaction.through.items():
            _check(claim)
            removed += await self._bus.purge(EVENTS, subject, through)
        for seq in sorted(compaction.drops):
            _check(claim)
            await self._bus.delete_message(EVENTS, seq)
            removed += 1
        return removed

    async def _say(self, what: str, data: dict[str, Any], last: int | None = None) -> int:
        headers, body = events.encode(Event(KIND, ID, what, data, time.time_ns(), source=self._name))
        ack = await self._bus.publish(f"{SUBJECT}{what}", body, headers, expect_last=last)
        if what == "done":
            await self._bus.purge(EVENTS, f"{SUBJECT}{what}", ack.seq - 1)
        return ack.seq


def _check(claim: Claim) -> None:
    if not claim.held:
        raise WrongSequence("another process compacts the log of events now")


def _owners(subjects: Iterable[str]) -> frozenset[Name]:
    """The tasks and replays whose own topics these are, or whose alerts inhibit others."""
    found: set[Name] = set()
    for subject in subjects:
        try:
            owner = parse_inhibition_subject(subject)
            parts = (owner if owner is not None else parse_alert_subject(subject)).split(":")
        except ValueError:
            continue
        if owner is not None:
            found.add(("task", owner) if len(parts) == 1 else ("replay", parts[0]))
        elif len(parts) >= 3:
            found.add(("task", ":".join(parts[1:-1])) if parts[0] == "main" else ("replay", parts[0]))
    return frozenset(found)
