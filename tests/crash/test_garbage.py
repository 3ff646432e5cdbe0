"""What others put on the bus where only tickbus should: in every stream, bucket and object store, while all runs and
before it starts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from services.bus.buckets.objects import Objects
from services.bus.connection import Bus
from services.bus.events import Event, encode
from services.store import codec
from tests.crash.load import Load, Sink, check_both, define_both
from tests.crash.processes import ROOT, Api, Serve

BUCKETS = ("leases", "workers", "positions", "suspects", "tickbus-alerting", "cluster")
STORES = ("states", "tickbus-recordings")
GARBAGE = (b"", b"\xff\x00", b"{}", b"[]", b'{"worker": 5}', b"null", codec.pack([1]), codec.pack({"sums": "a"}))
NUMBERS = (-1, -(2**63), 2**63, 2**63 - 1, 2**64 - 1, 1e300, 1.5, "7", None, True, [], {})


async def test_it_stops_nobody(tmp_path: Path) -> None:
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        pids = {name: service["pid"] for name, service in serve.services().items()}
        load = Load(api)
        async with load.running():
            await load.more(30)
            async with await Bus.connect(serve.state()["nats"], "test") as bus:
                await _buckets(bus)
                await _stores(bus)
                await _events(bus)
                await bus.publish("tickbus.alert.what", b"\xff not an alert")
                await bus.publish("tickbus.write.db.rp", b"not line protocol")
            await load.more(50)
            assert pids == {name: service["pid"] for name, service in serve.services().items()}
            await _answers(api)
        await check_both(load, sink)
        letters = _dead_letters(serve, "list")
        assert all(f"{stream} " in letters for stream in ("WRITES", "EVENTS", "ALERTS")), letters
        async with asyncio.timeout(30):  # an engine that is busy just now is not in it
            while 'tickbus_dead_letters_total{service="engine"' not in (await api.call("GET", "/metrics")).text:
                await asyncio.sleep(0.1)
        assert await serve.stop() == 0
        await serve.start()
        async with load.running():
            await load.more(50)
        await check_both(load, sink)
        await _answers(api)
        assert {service["restarts"] for service in serve.services().values()} == {0}


async def _buckets(bus: Bus) -> None:
    for name in BUCKETS:
        bucket = await bus.bucket(name)
        for n, garbage in enumerate(GARBAGE):
            for key in (f"garbage.{n}", f"shard.{n}x", f"shard.{900 + n}", f"shard.-{n + 1}"):
                await bucket.put(key, garbage)


async def _stores(bus: Bus) -> None:
    """Objects that are not what they should be, and such that are not even objects."""
    for name in STORES:
        store = await bus.objects(name)
        for n, garbage in enumerate(GARBAGE):
            await store.put(f"garbage{n}", garbage)
            await store.put(f"{n}/list", garbage)
            subject = Objects._meta_subject(store, f"meta{n}")
            await bus.publish(subject, garbage)
        await bus.publish(f"$O.{name}.M.not-base64!", b"{}")
    states = await bus.objects("states")
    for task in ("sums", "levels"):
        await bus.publish(Objects._meta_subject(states, task), b'{"nuid": 5}')


async def _events(bus: Bus) -> None:
    """Of future versions, of unknown kinds, with numbers that are none."""
    told: list[tuple[str, str, str, dict[str, Any]]] = [
        ("task", "sums", "improved", {"by": 2}),
        ("galaxy", "sums", "defined", {}),
        ("task", "sums", "enabled", {}),
    ]
    whole = {"type": "stream", "script": "stream|from()", "dbrps": [{"db": "db", "rp": "rp"}], "vars": {}}
    whole |= {"status": "enabled", "created": "2026-01-01T00:00:00Z"}
    for n, number in enumerate(NUMBERS):
        told += [
            ("task", f"odd{n}", "defined", {"id": f"odd{n}", **whole, "position": number}),
            ("task", "sums", "enabled", {"position": number}),
            ("task", "sums", "deleted", {"position": number, "alerts": number}),
            ("run", "sums", "started", {"enabled": number, "position": number, "worker": "w", "alerts": number}),
            ("run", "sums", "failed", {"enabled": number, "error": number}),
            ("run", "sums", "stopped", {"disabled": number}),
            ("handler", f"topic/{n}", "defined", {"position": number, "kind": "log", "options": number}),
            ("recording", f"r{n}", "defined", {"position": number, "task": "sums", "stop": number}),
            ("replay", f"r{n}", "started", {"task": number, "zero": number}),
            ("template", f"t{n}", "updated", {"was": "t", "was-sequence": number, "tasks": {"sums": number}}),
            ("config", "smtp", "changed", {"set": number}),
            ("user", "u", "defined", {"hash": number}),
        ]
    for kind, id, what, data in told:
        if kind == "task" and what == "deleted" and type(data["position"]) is int and data["position"] >= 0:
            continue
        event = Event(kind, id, what, {}, time.time_ns())
        headers, _ = encode(event)
        await bus.publish(event.subject, orjson.dumps(data), headers)
    headers, body = encode(Event("task", "late", "defined", whole, time.time_ns()))
    for when in ("", "yesterday", "9999-99-99T00:00:00Z", "0000-01-01T00:00:00Z", "99999-01-01T00:00:00Z"):
        await bus.publish("tickbus.event.task.late.defined", body, headers | {"ce-time": when})
    await bus.publish("tickbus.event.task.late.defined", body, headers | {"ce-specversion": "2.0"})
    await bus.publish("tickbus.event.task.late.defined", b"[" * 100_000, headers)
    await bus.publish("tickbus.event.=ZZ.a.b", body, headers)


async def _answers(api: Api) -> None:
    for path in ("tasks", "templates", "recordings", "replays", "alerts/topics", "config", "users", "tasks/sums"):
        answer = await api.call("GET", f"/kapacitor/v1/{path}")
        assert answer.status_code == 200, f"{path}: {answer.text}"


def _dead_letters(serve: Serve, *arguments: str) -> str:
    command = [sys.executable, "-m", "services.cli", "dead-letters", *arguments, "--data-dir", str(serve.data)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
