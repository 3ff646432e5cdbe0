"""What a run that is taken up has told before: it is not told again, and its clock comes to where it was by then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from schemas.requests.alerting import ALERTING_TICKED
from schemas.requests.shape import MalformedMessage
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.positions import WritesSeq
from services.bus.streams import ALERTS
from services.bus.subjects import request_subject
from services.engine.worker.task_under_way import TaskUnderWay
from services.process import log as logs
from services.runtime.progress import loopbacks
from services.runtime.progress.loopbacks import WritesBack

log = logs.get("engine")

_SECONDS, _ASK_SECONDS = 20.0, 5.0  # how long alerting, which may be restarting, is asked; and once


async def learn_announced(bus: Bus, running: TaskUnderWay, topics: Sequence[str], delivered: int) -> None:
    """Have a run know. topics: of its alerts. delivered: the last tick (ns) of which nodes have sent something.

    The log holds only what points have set off, and a state is from before. What the clock has set off since then is
    done again, the same as it was, and dropped as a repetition. Raises BusError.
    """
    run = running.run
    back = [node for _, node in run.nodes() if isinstance(node, WritesBack)]
    await loopbacks.learn(bus, back, running.position if run.streams else WritesSeq(0))
    if run.clocked:
        alerts = await _last_alert(bus, running, topics)
        running.announced = max(alerts, delivered, *(node.stored.tick[0] for node in back))


async def _last_alert(bus: Bus, running: TaskUnderWay, topics: Sequence[str]) -> int:
    """The last tick (ns) of which alerts were told in this run, 0 for none."""
    question = ALERTING_TICKED.encode_request(
        task=running.task, started=running.started, topics=list(topics), part=running.part
    )
    until = time.monotonic() + _SECONDS
    while topics and await bus.last_sequence(ALERTS):
        try:
            answer = await bus.request(request_subject(*ALERTING_TICKED.tokens()), question, _ASK_SECONDS)
            tick: int = ALERTING_TICKED.decode_response(answer)["tick"]
            return tick
        except (BusError, MalformedMessage) as e:
            log.limited("ticked").warn("alerting does not say what it was told", task=running.id, err=e)
        if time.monotonic() > until:
            break
        await asyncio.sleep(_ASK_SECONDS / 4)
    return 0
