"""Looks at the past over HTTP: traces and backtests asked for, waited for and read."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.crash.processes import Api

V1 = "/kapacitor/v1"


async def ask(api: Api, kind: str, **asked: Any) -> str:
    """Have a `trace` or a `backtest` begun; gives its path."""
    answer = await api.call("POST", f"{V1}/{kind}s", json=asked)
    assert answer.status_code == 201, answer.text
    return f"{kind}s/{answer.json()['id']}"


async def over(api: Api, path: str, within: float = 120.0) -> dict[str, Any]:
    """Wait until one runs no more; gives how it is shown then."""
    async with asyncio.timeout(within):
        while (answer := await api.call("GET", f"{V1}/{path}")).status_code == 202:
            await asyncio.sleep(0.05)
    body: dict[str, Any] = answer.json()
    return body


async def finished(api: Api, path: str, within: float = 120.0) -> dict[str, Any]:
    """The same of one that has to have finished."""
    body = await over(api, path, within)
    assert body["status"] == "finished", body
    return body


async def failed(api: Api, path: str) -> str:
    """Wait until one has failed; gives its error."""
    body = await over(api, path)
    assert body["status"] == "failed", body
    error: str = body["error"]
    return error


async def status(api: Api, path: str) -> str:
    """How one is, without asking its recorder."""
    kind, _, id = path.partition("/")
    (found,) = (await api.call("GET", f"{V1}/{kind}?pattern={id}&fields=status")).json()[kind]
    told: str = found["status"]
    return told


async def lines_of(api: Api, path: str, key: str = "results") -> list[dict[str, Any]]:
    """All lines that one has found."""
    lines: list[dict[str, Any]] = []
    while page := (await api.call("GET", f"{V1}/{path}/{key}?offset={len(lines)}&limit=10000")).json()[key]:
        lines += page
    return lines
