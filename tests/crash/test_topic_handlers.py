"""kill -9 of alerting while events go to handlers of topics: nothing is lost, and nothing handled twice but what was on
its way just then."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import orjson

from services.bus.connection import Bus
from services.bus.streams import NOTICES
from tests.crash.load import HOSTS, LEVELS, Load, Sink, transitions
from tests.crash.processes import Api, Serve, eventually

SCRIPT = LEVELS.replace(".post('SINK/levels')", ".topic('levels')")
KILLS = 5


async def give(api: Api, to: str, kind: str, **options: Any) -> None:
    body = {"id": kind, "kind": kind, "options": options}
    answer = await api.call("POST", f"/kapacitor/v1/alerts/topics/{to}/handlers", json=body)
    assert answer.status_code == 200, answer.text


async def give_all(api: Api, sink: Sink) -> None:
    """A post, a publish with a post behind it, and an aggregate with one behind it."""
    await give(api, "levels", "post", url=f"{sink.url}/api")
    await give(api, "levels", "publish", topics=["copy"])
    await give(api, "copy", "post", url=f"{sink.url}/copy")
    await give(api, "levels", "aggregate", id="sum", interval=300_000_000, topic="sums", message="{{ .Count }}")
    await give(api, "sums", "post", url=f"{sink.url}/sums")


def once(sink: Sink, path: str, id: str) -> tuple[list[dict[str, Any]], int]:
    """The events that have come for an alert, each where it came first, and how many were repeats."""
    got = sink.got.get((path, id), [])
    found = [event for number, event in enumerate(got) if event not in got[:number]]
    return found, len(got) - len(found)


async def check(sink: Sink, path: str, expected: list[str], repeats: int) -> None:
    """All that there was has come to a sink, in order."""
    for host in HOSTS:
        await eventually(lambda host=host: expected[-1] in sink.messages(path, host), f"{path} {host}", 30)
        events, again = once(sink, path, host)
        assert [event["message"] for event in events] == expected and again <= repeats


async def check_sums(sink: Sink, expected: list[str], repeats: int) -> None:
    """What was gathered is all there was, each event once."""

    def gathered() -> list[str]:
        events, again = once(sink, "/sums", "sum")
        assert again <= repeats
        for event in events:
            assert int(event["message"]) == len(event["details"].splitlines()) == len(event["data"]["series"])
        return [line for event in events for line in event["details"].splitlines()]

    await eventually(lambda: len(gathered()) >= len(HOSTS) * len(expected), "all events are gathered", 30)
    assert sorted(gathered()) == sorted(len(HOSTS) * expected)


async def told(serve: Serve, topic: str, id: str) -> list[str]:
    """The messages of an alert that the stream for other programs has."""
    found = []
    async with await Bus.connect(serve.state()["nats"]) as bus:
        for seq in range(1, await bus.last_sequence(NOTICES) + 1):
            stored = await bus.get_message(NOTICES, seq)
            assert stored is not None
            event = orjson.loads(stored.data)
            if (event["tickbustopic"], event["subject"]) == (topic, id):
                found.append(event["data"]["message"])
    return found


async def check_told(serve: Serve, topic: str, id: str, expected: list[str]) -> None:
    """Each change of an alert is told to other programs, and once."""
    async with asyncio.timeout(30):
        while len(found := await told(serve, topic, id)) < len(expected):
            await asyncio.sleep(0.1)
    assert found == expected


async def test_kills_of_alerting(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await give_all(api, sink)
        assert (await api.define("levels", SCRIPT)).json()["executing"]
        load = Load(api)
        async with load.running():
            for _ in range(KILLS):
                await load.more(dice.randrange(30, 150))
                await serve.kill_service("alerting")
            await load.more(60)
        expected = transitions(0, load.written)
        await check(sink, "/api", expected, KILLS)
        await check(sink, "/copy", expected, KILLS)
        await check_sums(sink, expected, KILLS)
        for host in HOSTS:
            await check_told(serve, "levels", host, expected)
        answer = await api.call("GET", "/kapacitor/v1/alerts/topics?pattern=*")
        collected = {topic["id"]: topic["collected"] for topic in answer.json()["topics"]}
        assert collected["levels"] == collected["copy"] == len(HOSTS) * len(expected)
        assert collected["sums"] == len(once(sink, "/sums", "sum")[0])


async def test_everything_at_once_with_alerting_store_lost(tmp_path: Path) -> None:
    """All is killed, and what alerting keeps is gone: the bus says how far it was."""
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await give_all(api, sink)
        assert (await api.define("levels", SCRIPT)).json()["executing"]
        load = Load(api)
        async with load.running():
            await load.more(150)
            await serve.kill()
            for file in (serve.data / "alerting").glob("alerting.lmdb*"):
                file.unlink()
            await serve.start()
            await load.more(60)
        expected = transitions(0, load.written)
        # the bus is told every tenth of a second how far handlers are: what they have done since is done again
        for path in ("/api", "/copy"):
            await check(sink, path, expected, repeats=20)
        await check_sums(sink, expected, repeats=2)
