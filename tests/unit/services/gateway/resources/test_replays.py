"""Replays, where no recorder runs: tests/unit/services/recorder tries them with one."""

from __future__ import annotations

import httpx

V1 = "/kapacitor/v1"


async def test_what_is_not_there_is_said_in_the_words_of_the_reference(gateway: httpx.AsyncClient) -> None:
    replays = f"{V1}/replays"
    assert (await gateway.get(replays)).json() == {"replays": []}
    answer = await gateway.get(f"{replays}/none")
    assert (answer.status_code, answer.json()) == (404, {"error": "could not find replay: no replay exists"})
    assert (await gateway.delete(f"{replays}/none")).status_code == 204
    answer = await gateway.post(replays, json={"task": "none", "recording": "none"})
    assert answer.status_code == 404
