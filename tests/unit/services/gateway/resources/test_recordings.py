"""Recordings, where no recorder runs: tests/unit/services/recorder tries them with one."""

from __future__ import annotations

import httpx

V1 = "/kapacitor/v1"


async def test_what_is_not_there_is_said_in_the_words_of_the_reference(gateway: httpx.AsyncClient) -> None:
    recordings = f"{V1}/recordings"
    assert (await gateway.get(recordings)).json() == {"recordings": []}
    answer = await gateway.get(f"{recordings}/none")
    assert (answer.status_code, answer.json()) == (500, {"error": "error finding recording: no recording exists"})
    answer = await gateway.get(f"{recordings}/none/file")
    assert (answer.status_code, answer.json()) == (404, {"error": "error finding recording: no recording exists"})
    assert (await gateway.delete(f"{recordings}/none")).status_code == 204


async def test_a_file_that_is_no_recording_is_not_taken(gateway: httpx.AsyncClient) -> None:
    answer = await gateway.post(f"{V1}/recordings/import?type=stream", content=b"text")
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("not a recording's file")
