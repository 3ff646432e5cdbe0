"""Asking for backtests where no recorder runs."""

from __future__ import annotations

import httpx

BACKTESTS = "/kapacitor/v1/backtests"


async def test_what_is_not_there_is_said(gateway: httpx.AsyncClient) -> None:
    assert (await gateway.get(BACKTESTS)).json() == {"backtests": []}
    answer = await gateway.get(f"{BACKTESTS}/none")
    assert (answer.status_code, answer.json()) == (404, {"error": "no backtest exists"})
    assert (await gateway.delete(f"{BACKTESTS}/none")).status_code == 204
