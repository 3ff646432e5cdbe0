"""From whatever state of the past a task goes on, what it gives then is what it gave."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.bus.connection import Bus
from services.bus.epochs import WritesLog
from services.bus.follow import StoredMessage
from services.bus.positions import WritesSeq
from services.bus.streams import WRITES
from services.runtime.effects import Alerts, Effect
from services.store.store import Store
from tests.support.history import KeptTasks, going_on
from tests.support.nats import NatsServer, nats_server

__all__ = ["nats_server"]

T0 = 1_700_000_000
MESSAGES = 30
ALERT = """|alert().id('{{ .Name }}/{{ .Group }}').topic('t').history(5).flapping(0.2, 0.6)
    .warn(lambda: "v" > 0.0).crit(lambda: "v" > 5.0)"""
FROM = "stream|from().measurement('m').groupBy('host')"
SCRIPTS = {
    "window": f"{FROM}|window().period(7s).every(3s)|mean('x').as('v'){ALERT}",
    "counting": f"""{FROM}|stateCount(lambda: "x" > 0.0).as('n')|eval(lambda: float("n")).as('v')
        {ALERT}.stateChangesOnly()""",
    "sigma": f"{FROM}|eval(lambda: sigma(\"x\") + float(count()) / 10.0).as('v'){ALERT}",
    "join": f"""var a = {FROM}
        var b = stream|from().measurement('n').groupBy('host')
        a|join(b).as('a', 'b').tolerance(2s)|eval(lambda: "a.x" + "b.x").as('v'){ALERT}""",
}


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_server.url, "test") as bus:
        await bus.ensure_streams()
        yield bus


@pytest.mark.parametrize("seed", range(3))
async def test_what_follows_a_kept_state_is_what_was(bus: Bus, tmp_path: Path, seed: int) -> None:
    """All tasks at once, each with a state kept after each message, and read as another process would."""
    chance = random.Random(seed)
    before = await bus.last_sequence(WRITES)
    given: dict[str, dict[int, list[Any]]] = {id: {} for id in SCRIPTS}
    with Store.open(tmp_path / "worker", "test", durable=False) as store:
        async with KeptTasks(bus, store, await WritesLog.open(bus)) as worker:
            for id, script in SCRIPTS.items():
                await worker.start(f"{id}{seed}", script)
            for n in range(MESSAGES):
                place, effects = await worker.write(lines(chance, n))
                for id in SCRIPTS:
                    given[id][place] = told(effects[f"{id}{seed}"])
                if n % 5 == 4:
                    await worker.save()
                    for id in SCRIPTS:
                        await worker.kept_at(f"{id}{seed}", place)
            log = [await bus.get_message(WRITES, seq) for seq in range(before + 1, place + 1)]
            messages = [message for message in log if message is not None]
            assert len(messages) == MESSAGES
            for id in SCRIPTS:
                await _goes_on_everywhere(worker, f"{id}{seed}", messages, given[id])


async def _goes_on_everywhere(
    worker: KeptTasks, id: str, messages: list[StoredMessage], given: dict[int, list[Any]]
) -> None:
    assert sum(map(len, given.values())) > 5, id
    positions = set()
    for at in [messages[0].seq - 1, *given]:
        kept = await worker.history.nearest(id, WritesSeq(at))
        assert kept is not None and kept.position <= at
        positions.add(kept.position)
        if kept.position == at:
            rest = [message for message in messages if message.seq > at]
            expected = [one for seq, effects in given.items() if seq > at for one in effects]
            assert told(await going_on(kept, rest)) == expected, (id, at)
    assert len(positions) == 1 + MESSAGES // 5


def lines(chance: random.Random, n: int) -> str:
    """Points of two measurements, not of each host each time."""
    hosts = chance.sample("abcdef", chance.randint(1, 6))
    rows = [f"{name},host={host} x={chance.uniform(-5, 10):.2f} {T0 + n}" for host in hosts for name in "mn"]
    return "\n".join(f"{row}000000000" for row in chance.sample(rows, len(rows) - (len(rows) > 2)))


def told(effects: list[Effect]) -> list[Any]:
    """Of each alert event what tells it from others."""
    return [
        (seq, level, time, one.ids[id], one.messages[message])
        for one in effects
        if isinstance(one, Alerts)
        for seq, level, time, id, message in zip(
            one.seq.tolist(),
            one.level.tolist(),
            one.time.tolist(),
            one.id_of.tolist(),
            one.message_of.tolist(),
            strict=True,
        )
    ]
