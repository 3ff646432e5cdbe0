"""What is recorded is text, however it was stored."""

from __future__ import annotations

import pytest

from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.recorder.record.selection import Selection
from tests.support.packing import pack

BODIES = [
    b'm v=1 17\nx v=2 17\nm,a=b\\ c s="q, w" 18',
    b"x v=5 18",
    b"m v=1.50 18\nm v=-2 19\nm v=3 40\nm v=4 19",
    b"m v=9 20",
]


@pytest.mark.parametrize("measurements", [None, ["m"], ["y"]])
@pytest.mark.parametrize("packed", [{0, 1, 2, 3}, {2}, {0, 3}])
def test_the_same_of_packed_messages(measurements: list[str] | None, packed: set[int]) -> None:
    text, mixed = [], []
    for i, body in enumerate(BODIES):
        made = pack(body)
        assert made is not None
        text.append(StoredMessage(i + 1, write_subject("db", "rp"), body, {"precision": "s", "received": "5"}, 6))
        headers = {"precision": "s", "received": "5", "packed": str(len(body))}
        mixed.append(text[-1]._replace(data=made, headers=headers) if i in packed else text[-1])

    found, expected = (Selection(measurements, 30 * 10**9).take(some) for some in (mixed, text))

    assert found.writes == expected.writes and found.ended == expected.ended
    assert found.times.tolist() == expected.times.tolist()


@pytest.mark.parametrize("measurements", [None, ["m"]])
def test_what_is_not_the_text_that_it_says_is_left_out(measurements: list[str] | None) -> None:
    made = pack(b"m v=1 1\nn,a=%b v=1 1" % (b"x" * 100))
    assert made is not None
    lie = StoredMessage(1, write_subject("db", "rp"), made, {"received": "5", "packed": "20"}, 6)
    honest = StoredMessage(2, write_subject("db", "rp"), b"m v=1 1", {"received": "5"}, 6)
    assert [write.seq for write in Selection(measurements, 30 * 10**9).take([lie, honest]).writes] == [2]
