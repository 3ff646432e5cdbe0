"""Profiles of all processes."""

from __future__ import annotations

import asyncio
import gzip
import re

import httpx
import pytest

V1 = "/kapacitor/v1"
pytestmark = pytest.mark.usefixtures("agent")


async def test_profiles_have_the_figures_and_stacks_of_all_processes(gateway: httpx.AsyncClient) -> None:
    pprof = f"{V1}/debug/pprof"
    raw = await gateway.get(f"{pprof}/profile?seconds=0.1")
    assert b"nanoseconds" in gzip.decompress(raw.content)
    text = (await gateway.get(f"{pprof}/heap?debug=1")).text
    assert any(line.startswith("standin ") and ";dict " in line for line in text.splitlines())
    stacks = (await gateway.get(f"{pprof}/goroutine?debug=2")).text
    assert "thread MainThread" in stacks and "test_profiles" in stacks
    assert (await gateway.get(f"{pprof}/profile?seconds=x")).status_code == 400


@pytest.mark.parametrize(
    ("name", "kinds", "heading"),
    [
        ("goroutine", [b"goroutine", b"count"], r"goroutine profile: total [1-9]\d*"),
        ("threadcreate", [b"threadcreate", b"count"], r"threadcreate profile: total [1-9]\d*"),
        ("block?seconds=0.3", [b"contentions", b"count", b"delay", b"nanoseconds"], "--- contention:"),
        ("mutex?seconds=0.3", [b"contentions", b"count", b"delay", b"nanoseconds"], "--- mutex:"),
    ],
)
async def test_profiles_are_in_the_formats_of_pprof(
    gateway: httpx.AsyncClient, name: str, kinds: list[bytes], heading: str
) -> None:
    place = f"{V1}/debug/pprof/{name}"
    lock = asyncio.Lock()
    async with lock:
        waiting = asyncio.create_task(a_lock(lock))
        raw = await gateway.get(place)
        text = (await gateway.get(f"{place}{'&' if '?' in name else '?'}debug=1")).text
    await waiting
    texts, samples = decoded(gzip.decompress(raw.content))
    assert [t for t in texts if t in kinds] == kinds
    assert samples > 0
    assert re.match(heading + "\n", text)
    assert any(re.fullmatch(r"#\t0x[0-9a-f]+\tstandin \d+\+0x0\t:0", line) for line in text.splitlines())
    if "thread" not in name:
        assert b"a_lock" in texts and "\ta_lock+0x0\t" in text
    if "mutex" in name:
        assert all("Lock.acquire" in stack for stack in text.split(" @ ")[1:])


async def a_lock(lock: asyncio.Lock) -> None:
    async with lock:
        pass


def decoded(profile: bytes) -> tuple[list[bytes], int]:
    """The texts of a profile, and how many samples it has."""
    texts, samples, at = [], 0, 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = profile[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(profile):
        field, kind = divmod(number(), 8)
        size = number()
        if kind == 2:
            texts += [profile[at : at + size]] if field == 6 else []
            samples += field == 2
            at += size
    return texts, samples


@pytest.mark.parametrize("kind", ["profile", "heap", "block"])
async def test_of_each_kind_of_profile_one_is_taken_at_a_time(gateway: httpx.AsyncClient, kind: str) -> None:
    place = f"{V1}/debug/pprof/{kind}?seconds=0.5"
    answers = await asyncio.gather(*(gateway.get(place) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 503, 503, 503, 503]
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.json()["error"] == f"a {kind} profile is being taken, one at a time: try again when it is done"
    assert refused.headers["retry-after"] == "1"
    assert (await gateway.get(place)).status_code == 200


async def test_waits_are_refused_where_their_time_makes_no_sense(gateway: httpx.AsyncClient) -> None:
    for name in ("block", "mutex"):
        assert (await gateway.get(f"{V1}/debug/pprof/{name}?seconds=1e9")).status_code == 400
