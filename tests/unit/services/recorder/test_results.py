"""What jobs have found: written, read page by page, bounded, deleted and swept, on a real server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from services.bus.connection import Bus
from services.bus.positions import EventsSeq
from services.recorder import results as results_module
from services.recorder.results import Results

JOB = EventsSeq(7)


async def all_rows(results: Results, job: EventsSeq, limit: int) -> list[Any]:
    found: list[Any] = []
    while True:
        page = await results.read(job, len(found), limit)
        assert page.next == len(found) + len(page.rows)
        found += page.rows
        if page.next >= page.count:
            return found


def numbered(begin: int, end: int, size: int = 10) -> Sequence[dict[str, Any]]:
    return [{"n": n, "text": "ä" * size} for n in range(begin, end)]


@pytest.mark.parametrize("chunk_bytes", [1, 100, 1 << 20])
async def test_rows_are_read_as_they_were_added(bus: Bus, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int) -> None:
    monkeypatch.setattr(results_module, "_CHUNK_BYTES", chunk_bytes)
    results = await Results.open(bus)
    assert (await results.read(JOB)).rows == []
    writer = await results.writer(JOB)
    for at in range(0, 30, 6):
        await writer.add(numbered(at, at + 6))
        await writer.flush()
        assert await all_rows(results, JOB, 4) == numbered(0, at + 6), "what is flushed can be read"
    assert (writer.count, writer.left_out) == (30, 0)
    page = await results.read(JOB, 28, 100)
    assert (page.rows, page.next, page.count) == (numbered(28, 30), 30, 30)
    assert (await results.read(JOB, 30)).rows == [] and (await results.read(JOB, 1000)).rows == []
    await results.delete(JOB)


async def test_a_page_is_bounded_in_bytes_and_no_row_is_lost(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_module, "_PAGE_BYTES", 100)
    monkeypatch.setattr(results_module, "_CHUNK_BYTES", 150)
    results = await Results.open(bus)
    writer = await results.writer(JOB)
    rows = [*numbered(0, 5), {"n": 5, "text": "x" * 500}, *numbered(6, 9)]
    await writer.add(rows)
    await writer.flush()
    assert len((await results.read(JOB)).rows) < 5
    assert await all_rows(results, JOB, 100) == rows
    await results.delete(JOB)


async def test_what_there_is_no_room_for_is_counted(bus: Bus) -> None:
    results = await Results.open(bus)
    writer = await results.writer(JOB, most_bytes=300)
    await writer.add(numbered(0, 50))
    await writer.add([{"n": 1}])
    await writer.flush()
    page = await results.read(JOB, 0, 100)
    assert 0 < page.count < 50 and page.rows == numbered(0, page.count)
    assert page.left_out == writer.left_out == 51 - page.count, "nothing is kept behind what was left out"
    await results.delete(JOB)


async def test_a_job_that_is_begun_anew_has_the_later_rows_alone(bus: Bus) -> None:
    results = await Results.open(bus)
    first = await results.writer(JOB)
    await first.add(numbered(0, 5))
    await first.flush()
    second = await results.writer(JOB)
    assert (await results.read(JOB)).count == 0
    await first.add(numbered(5, 9))  # by a recorder that does not know yet that it is another's
    await second.add(numbered(100, 103))
    await first.flush()
    await second.flush()
    assert await all_rows(results, JOB, 2) == numbered(100, 103)
    await results.delete(JOB)


async def test_texts_and_numbers_that_json_has_no_form_for(bus: Bus) -> None:
    results = await Results.open(bus)
    writer = await results.writer(JOB)
    await writer.add([{"text": "a\udc80b"}, {"n": 2**63, "list": [None, True, 1.5]}])
    await writer.flush()
    assert (await results.read(JOB)).rows == [{"text": "a?b"}, {"n": 2**63, "list": [None, True, 1.5]}]
    await results.delete(JOB)


async def test_deleted_and_swept(bus: Bus) -> None:
    results, objects = await Results.open(bus), await bus.objects(results_module.BUCKET)
    for job in (7, 8, 9):
        writer = await results.writer(EventsSeq(job))
        await writer.add(numbered(0, 3))
        await writer.flush()
    await results.delete(EventsSeq(8))
    assert {info.name.partition("/")[0] for info in await objects.list()} == {"7", "9"}
    await results.sweep([EventsSeq(9)], EventsSeq(8))
    assert {info.name.partition("/")[0] for info in await objects.list()} == {"9"}, "8 is gone, 7 is not known"
    await results.sweep([], EventsSeq(8))
    assert {info.name.partition("/")[0] for info in await objects.list()} == {"9"}, "9 was defined later"
    await results.sweep([], EventsSeq(9))
    assert await objects.list() == []


async def test_damage_is_told(bus: Bus) -> None:
    results, objects = await Results.open(bus), await bus.objects(results_module.BUCKET)
    writer = await results.writer(JOB)
    await writer.add(numbered(0, 3))
    await writer.flush()
    (chunk,) = [info.name for info in await objects.list() if not info.name.endswith("/list")]
    await objects.put(chunk, b"no zlib")
    with pytest.raises(ValueError, match="damaged results"):
        await results.read(JOB)
    await objects.delete(chunk)
    with pytest.raises(ValueError, match="damaged results: chunk 0"):
        await results.read(JOB)
    await objects.put("7/list", b"{")
    with pytest.raises(ValueError, match="damaged results"):
        await results.read(JOB)
    await results.delete(JOB)
    assert await objects.list() == []
