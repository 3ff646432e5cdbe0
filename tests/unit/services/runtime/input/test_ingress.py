"""How many points have come, by what they are of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from services.bus.positions import WritesSeq
from services.columns.groups.series import Series, SeriesTable
from services.pipeline.tag_set import TagSet
from services.runtime.input.ingress import Ingress
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder, Wanted, _Source
from services.runtime.input.share import SeriesOfShare, Share


@dataclass(frozen=True)
class Message:
    seq: int
    data: bytes
    time_ns: int = 0
    headers: dict[str, str] | None = None


def count(ingress: Ingress, decoder: LineProtocolDecoder, rp: str, *messages: tuple[int, str]) -> None:
    batch, refused = decoder.decode("db", rp, [Message(seq, text.encode()) for seq, text in messages])
    assert batch is not None and not refused
    ingress.count(batch)


def test_points_count_once_however_often_the_log_is_read() -> None:
    decoder = LineProtocolDecoder(SeriesTable())
    ingress = Ingress(decoder)
    assert ingress.rows() == []
    count(ingress, decoder, "rp", (1, "cpu v=1\nmem v=1"), (2, "cpu,host=a v=2"))
    count(ingress, decoder, "other", (3, "cpu v=1"))
    count(ingress, decoder, "rp", (2, "cpu,host=a v=2"), (4, "disk v=1\ncpu v=2"))
    count(ingress, decoder, "rp", (1, "cpu v=1\nmem v=1"))
    assert sorted(ingress.rows()) == [
        ("db", "other", "cpu", 1),
        ("db", "rp", "cpu", 3),
        ("db", "rp", "disk", 1),
        ("db", "rp", "mem", 1),
    ]


def test_what_a_log_has_that_was_made_anew_counts() -> None:
    decoder = LineProtocolDecoder(SeriesTable())
    ingress = Ingress(decoder)
    count(ingress, decoder, "rp", (1, "cpu v=1"), (2, "cpu v=2"), (3, "cpu v=3"))
    ingress.went_back(2)
    count(ingress, decoder, "rp", (2, "cpu v=2"), (3, "cpu v=4"))
    assert ingress.rows() == [("db", "rp", "cpu", 4)]
    ingress.went_back(0)
    count(ingress, decoder, "rp", (1, "cpu v=5"))
    assert ingress.rows() == [("db", "rp", "cpu", 5)]


def test_points_that_nobody_wants_count_and_are_not_kept() -> None:
    decoder = LineProtocolDecoder(SeriesTable())
    ingress = Ingress(decoder)
    cpu, other = decoder.measurement("cpu"), decoder.measurement("mem")
    wanted = Wanted(frozenset({cpu}))
    messages = [Message(1, b"cpu v=1\nmem v=1\ncpu v=2"), Message(2, b"mem,host=a v=1"), Message(3, b"new v=1\nmem v=")]
    batch, refused = decoder.decode("db", "rp", messages, wanted)
    assert batch is not None and [bad.seq for bad in refused] == [3]
    assert batch.step.seq.tolist() == [1, 1] and batch.step.row.tolist() == [0, 2] and batch.last == 2
    assert batch.present() == {cpu} and len(decoder.table) == 1

    ingress.count(batch)
    batch, _ = decoder.decode("db", "rp", [messages[1]], wanted)
    assert batch is not None and not len(batch.points) and batch.last == 2
    ingress.count(batch)
    assert sorted(ingress.rows()) == [("db", "rp", "cpu", 2), ("db", "rp", "mem", 2)]
    assert batch.counts(WritesSeq(1))[other] == 1 and not batch.counts(WritesSeq(2)).any()


@pytest.mark.parametrize("others", [False, True])
def test_points_of_other_shares_count_and_are_not_kept_once_their_series_is_known(others: bool) -> None:
    table = SeriesTable()
    decoder = LineProtocolDecoder(table)
    ingress = Ingress(decoder)
    cpu = decoder.measurement("cpu")
    body = "\n".join(f"cpu,host=h{i} v={i}" for i in range(16)).encode() + b'\nmem v=1\ncpu,host=h1 v="a\nb"'
    shares = [SeriesOfShare(Share(TagSet(frozenset({"host"})), number, 4), table) for number in range(4)]
    rows = []
    for some in (shares[:1], shares[1:2], shares[2:]):
        wanted = Wanted(None, {}, some) if others else Wanted(frozenset({cpu}), {cpu: some})
        for seq in (1, 2):
            batch, refused = decoder.decode("db", "rp", [Message(seq, body)], wanted)
            assert batch is not None and not refused and batch.counts(WritesSeq(0))[cpu] == 17
        ingress.count(batch)
        mine = np.array([share.mine() for share in some]).any(axis=0)
        assert mine[batch.points.series].all()
        rows += batch.step.row.tolist()
    assert sorted(rows) == [*range(16), *([16] if others else []), 17]
    assert ("db", "rp", "cpu", 17) in ingress.rows()


def test_measurements_that_nodes_have_made_are_known_by_the_time_that_they_are_read() -> None:
    table = SeriesTable()
    decoder = LineProtocolDecoder(table)
    cpu = decoder.measurement("cpu")
    share = SeriesOfShare(Share(TagSet(frozenset({"host"})), 0, 1), table)
    for n in range(100):
        table.number(Series("db", "rp", f"made{n}", ()))
        found = decoder._wanted(
            decoder._sources.setdefault(("db", "rp"), _Source()), Wanted(frozenset({cpu}), {cpu: [share]})
        )
        assert len(found.numbers) == len(found.wanted) == n + 2
