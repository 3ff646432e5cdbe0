"""A NATS cluster of three that loses a server, again and again, while data flows: what is lost, doubled, how long.

    python -m tests.crash.cluster [--rounds 1]

In turn: the leader of each stream and bucket is killed; each server is frozen without a word; each server is away while
everything starts. The load is tests.crash.load's: each point is numbered, so that what must come of it is known.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import Api, Services, eventually
from tests.support.nats_cluster import NatsCluster

SETTINGS = {"KAPACITOR_NATS_REPLICAS": "3", "KAPACITOR_NATS_ACK_TIMEOUT": "2s"}
SERVICES = ("gateway", "alerting", "recorder", "one", "two")
_CONNECTED = re.compile(r"client=(\S+) server=\S+:(\d+)$")
NOTICED_SECONDS = 5.0
"""How soon a server is noticed to be gone that says nothing any more; beside it what reconnecting takes."""


@asynccontextmanager
async def clustered(directory: Path, *services: str, away: str = "") -> AsyncIterator[Services]:
    """Services on a cluster of three, of which one may be away. Everything has been there before."""
    nats = NatsCluster(directory / "nats")
    async with Services(directory, SETTINGS, nats) as running:
        await nats.ready()
        if away:
            await running.start(*services)
            await nats.up_to_date()
            await asyncio.gather(*(running[name].stop() for name in services))
            nats.servers[away].stop(kill=True)
        await running.start(*services)
        yield running


async def leader_killed(services: Services, load: Load, stream: str) -> float:
    """Kill the server that leads a stream and start it again; seconds until a write is acknowledged."""
    nats: NatsCluster = services.nats
    await nats.up_to_date()
    leader = (await nats.listed())[stream].leader
    begun = time.monotonic()
    await asyncio.to_thread(nats.servers[leader].stop, True)
    await load.more(8)
    outage = time.monotonic() - begun
    await load.more(40)
    await asyncio.to_thread(nats.servers[leader].start)
    await nats.ready()
    return outage


async def server_frozen(services: Services, load: Load, name: str) -> float:
    """Let a server hang until everybody that it served is with another; seconds until then."""
    nats: NatsCluster = services.nats
    await nats.up_to_date()
    port = nats.servers[name].port
    before = {program: len(services[program].logged("connected to NATS again")) for program in services.programs}
    lost = {program: served_by(services, program, port) for program in services.programs}
    begun = time.monotonic()
    nats.servers[name].freeze()
    try:
        for program, count in lost.items():
            target = before[program] + count
            await eventually(
                lambda p=program, t=target: len(services[p].logged("connected to NATS again")) >= t,  # type: ignore[misc]
                f"{program} is with another server",
                30.0,
            )
        took = time.monotonic() - begun
        await load.more(40)
    finally:
        nats.servers[name].thaw()
    await nats.ready()
    return took if any(lost.values()) else 0.0


def served_by(services: Services, program: str, port: int) -> int:
    """How many connections of a program are with a server now, by what it has logged."""
    last = {}
    for line in services[program].logged("connected to NATS"):
        if found := _CONNECTED.search(line):
            last[found[1]] = int(found[2])
    return list(last.values()).count(port)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=1)
    directory = Path(tempfile.mkdtemp(prefix="tickbus-cluster-"))
    try:
        asyncio.run(_play(directory, p.parse_args().rounds))
    finally:
        shutil.rmtree(directory)


async def _play(directory: Path, rounds: int) -> None:
    for away in ("n0", "n1", "n2"):
        begun = time.monotonic()
        async with clustered(directory / away, *SERVICES, away=away) as services, Api(services) as api:
            assert (await api.define("later", "stream|from().measurement('x')")).status_code == 200
            _say(away=away, started=True, seconds=round(time.monotonic() - begun, 1))
    async with clustered(directory / "load", *SERVICES) as services, Sink() as sink, Api(services) as api:
        await define_both(api, sink)
        load = Load(api)
        async with load.running():
            await load.more(80)
            for _ in range(rounds):
                for stream in sorted(await services.nats.listed()):
                    if stream != "KV_probe":
                        outage = await leader_killed(services, load, stream)
                        _say(killed=f"leader of {stream}", points=2 * load.written, outage=round(outage, 1))
                for name in services.nats.servers:
                    took = await server_frozen(services, load, name)
                    _say(frozen=name, points=2 * load.written, noticed=round(took, 1))
        await check_both(load, sink)
        _say(points=2 * load.written, refused=load.refused, lost=0, doubled=0)


def _say(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
