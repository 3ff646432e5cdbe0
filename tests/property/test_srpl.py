"""Recordings' files: many lines at once give what one line at a time gives."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from services.lineprotocol import reference_parser
from services.lineprotocol.lines import Payload, decode
from services.recorder.record import srpl
from services.recorder.record.archive import GatheredWrites, RecordedWrite
from tests.support.examples import examples

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

writes = st.builds(
    RecordedWrite,
    seq=st.just(1),
    database=st.sampled_from(["db", 'my"db', "d b"]),
    retention_policy=st.sampled_from(["rp", ""]),
    precision=st.sampled_from(["n", "u", "ms", "s", "m", "h", "odd"]),
    received=st.just(1_700_000_123_456_789_012),
    body=st.lists(st.sampled_from(_LINES), min_size=1, max_size=6).map(lambda lines: "\n".join(lines).encode()),
)


def points(chunks: list[GatheredWrites]) -> list[tuple[str, str, bytes, int]]:
    """Owner, series key with fields, and time of each point."""
    found = []
    for write in (write for chunk in chunks for write in chunk.writes):
        for line in reference_parser.lines(write.body):
            key, fields, time = reference_parser.parse(line, reference_parser.multiplier(write.precision))
            assert time is not None
            found.append((write.database, write.retention_policy, key + b" " + fields, time))
    assert sum(chunk.points for chunk in chunks) == len(found)
    return found


@examples(150)
@given(st.lists(writes, min_size=1, max_size=4))
def test_the_fast_path_and_the_reference_parser_agree(some: list[RecordedWrite]) -> None:
    short = srpl.write(some)
    quickly = points(list(srpl.read(short, 1, 1 << 30)))
    with patch.object(srpl, "_fast_lines", lambda body, precision: None):
        assert points(list(srpl.read(srpl.write(some), 1, 1 << 30))) == quickly
        assert points(list(srpl.read(short, 1 << 20, 1 << 30))) == quickly
    expected = 0
    for write in some:
        lines, rejected = decode([Payload(write.body, write.precision, write.received)])
        assert not rejected
        assert [time for *_, time in quickly[expected : expected + lines.n]] == lines.time.tolist()
        expected += lines.n
    assert len(quickly) == expected
