"""Long lists in slices: the bytes are those of the whole, and others have their turn."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from grammar.golang.json_writer import encode
from services.gateway.http.list_response import respond
from services.gateway.operations.streamed_list import StreamedList, sliced, streamed_list, whole

BEFORE = {"link": {"rel": "self", "href": "/x?a=1&b=<2>"}, "topic": "t"}
ROW: dict[str, Any] = {"id": "a\nb <&>", "n": 1.0, "big": 1e21, "empty": {}, "none": [], "in": {"x": [1, {"y": None}]}}


@pytest.mark.parametrize("count", [0, 1, 2, 5, 3000])
@pytest.mark.parametrize("before", [{}, BEFORE], ids=["alone", "behind"])
async def test_the_bytes_are_those_of_the_whole(count: int, before: dict[str, Any]) -> None:
    made = [ROW | {"number": number} for number in range(count)]
    expected = {**before, "rows": made}
    response = await respond(200, streamed_list("rows", made, lambda row: row, before))
    assert await response.get_data(as_text=False) == encode(expected, indented=True)
    assert await whole(streamed_list("rows", made, lambda row: row, before)) == encode(expected)


async def test_rows_that_are_no_objects() -> None:
    made = [[], {}, "", None, [[1]], "\n"]
    response = await respond(200, streamed_list("rows", made, lambda row: row))
    assert await response.get_data(as_text=False) == encode({"rows": made}, indented=True)


async def test_a_short_answer_has_a_length() -> None:
    response = await respond(200, streamed_list("rows", range(3), str))
    assert response.content_length and response.status_code == 200
    long = await respond(200, streamed_list("rows", range(100_000), str))
    assert long.content_length is None


async def test_others_have_their_turn() -> None:
    waits: list[float] = []

    async def other() -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(0)
            waits.append(time.perf_counter() - begun)

    watching = asyncio.create_task(other())
    body = streamed_list("rows", range(300), slow)
    await whole(body)
    watching.cancel()
    assert len(waits) > 20


async def test_what_a_row_waits_for_is_there_before_it_is_made() -> None:
    there: list[int] = []

    async def ready(number: int) -> None:
        await asyncio.sleep(0.001 * (number % 2))
        there.append(number)

    made = streamed_list("rows", range(20), lambda number: [number, len(there)], ready=ready)
    assert await whole(made) == encode({"rows": [[number, number + 1] for number in range(20)]})


async def test_what_makes_a_row_may_fail() -> None:
    with pytest.raises(ZeroDivisionError):
        await respond(200, streamed_list("rows", [1, 0], lambda n: 1 / n))


async def test_who_hangs_up_ends_the_making() -> None:
    made: list[int] = []
    ended = False

    async def slices() -> Any:
        nonlocal ended
        try:
            async for one in sliced(range(1_000_000), lambda n: made.append(n) or "x" * 100):
                yield one
        finally:
            ended = True

    response = await respond(200, StreamedList("rows", slices(), {}))
    pieces = response.response
    async with pieces as body:  # type: ignore[attr-defined]
        async for _ in body:
            break
    del pieces, response
    assert len(made) < 1_000_000
    async with asyncio.timeout(5):
        while not ended:
            await asyncio.sleep(0)


def slow(number: int) -> dict[str, int]:
    until = time.perf_counter() + 0.001
    while time.perf_counter() < until:
        pass
    return {"number": number}
