"""Recordings' files: many lines at once give what one line at a time gives."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from services.engine.lineprotocol import careful
from services.engine.lineprotocol.lines import Payload, decode
from services.recorder import srpl
from services.recorder.archive import Gathered, Record

_LINES = [
    "m v=1 17000",
    'm,host=a\\ b,k=c v=1i,s="x y" 17001',
    '  m s="two\nlines" 17002',
    'm s="q \\" w",b=t 5  ',
    "m v=1.5",
    "# a comment",
    "",
    "m v=3 -4",
    "m v=4 0",
    "m v=5 1",
]

records = st.builds(
    Record,
    seq=st.just(1),
    database=st.sampled_from(["db", 'my"db', "d b"]),
    retention_policy=st.sampled_from(["rp", ""]),
    precision=st.sampled_from(["n", "u", "ms", "s", "m", "h", "odd"]),
    received=st.just(1_700_000_123_456_789_012),
    body=st.lists(st.sampled_from(_LINES), min_size=1, max_size=6).map(lambda lines: "\n".join(lines).encode()),
)


def points(chunks: list[Gathered]) -> list[tuple[str, str, bytes, int]]:
    """Owner, series key with fields, and time of each point."""
    found = []
    for record in (record for chunk in chunks for record in chunk.records):
        for line in careful.lines(record.body):
            key, fields, time = careful.parse(line, careful.multiplier(record.precision))
            assert time is not None
            found.append((record.database, record.retention_policy, key + b" " + fields, time))
    assert sum(chunk.points for chunk in chunks) == len(found)
    return found


@settings(max_examples=150)
@given(st.lists(records, min_size=1, max_size=4))
def test_the_short_way_and_the_long_way_agree(some: list[Record]) -> None:
    short = srpl.write(some)
    quickly = points(list(srpl.read(short, 1)))
    with patch.object(srpl, "_usual", lambda body, precision: None):
        assert points(list(srpl.read(srpl.write(some), 1))) == quickly
        assert points(list(srpl.read(short, 1 << 20))) == quickly
    expected = 0
    for record in some:
        lines, rejected = decode([Payload(record.body, record.precision, record.received)])
        assert not rejected
        assert [time for *_, time in quickly[expected : expected + lines.n]] == lines.time.tolist()
        expected += lines.n
    assert len(quickly) == expected
