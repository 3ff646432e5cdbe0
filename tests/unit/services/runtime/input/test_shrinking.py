"""Series that come no more are let go of, in the table and wherever their keys are known; those in use are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from services.bus.positions import WritesSeq
from services.columns.groups.series import Dimensions, SeriesTable
from services.kernels.primitives import address_of
from services.lineprotocol.keytable import KeyTable, packed
from services.pipeline.tag_set import TagSet
from services.runtime.input.line_protocol_decoder import EVERYTHING, LineProtocolDecoder, LogBatch, Wanted
from services.runtime.input.share import SeriesOfShare, Share
from services.runtime.input.shrinking import Shrinking
from tests.support.graph import ScriptRun
from tests.unit.services.runtime.input.test_ingress import Message

WINDOW = "stream|from().groupBy('h')|barrier().idle(4s).delete(TRUE)|window().period(3s).every(3s)|mean('v')|log()"


def lines(hosts: Sequence[int], second: int = 1) -> str:
    return "\n".join(f"m,h=h{host} v={host} {second}000000000" for host in hosts)


def decoded(decoder: LineProtocolDecoder, hosts: Sequence[int], wanted: Wanted = EVERYTHING) -> LogBatch:
    batch, _ = decoder.decode("db", "rp", [Message(1, lines(hosts).encode())], wanted)
    assert batch is not None
    return batch


def test_what_comes_and_goes_takes_no_more_room_than_what_is_there_at_once() -> None:
    run = ScriptRun(WINDOW)
    shrinking = Shrinking(run.table, 300)
    most = []
    for second in range(80):
        run.write(lines(range(20 * second, 20 * second + 40), second))
        run.clock += 10**9
        run.tick(run.clock)
        shrinking.go_on()
        while shrinking.busy:
            shrinking.go_on()
        most.append(run.table.in_use)
    # of each host that is there, and has been in the last seconds: its series, that of its means, and its group
    assert max(most) < 3 * 3 * (40 + 20 * 5)
    assert len(run.table) + run.table.group_count < 2 * max(most)


def test_numbers_of_those_that_are_gone_go_to_others() -> None:
    table = SeriesTable()
    decoder, by_host = LineProtocolDecoder(table), Dimensions(("h",))

    def series(hosts: Sequence[int]) -> list[int]:
        numbers = decoded(decoder, hosts).points.series
        assert [table.series(n).tags for n in numbers.tolist()] == [(("h", f"h{host}"),) for host in hosts]
        assert [table.group(n).id for n in table.groups_of(by_host)[numbers].tolist()] == [f"h=h{h}" for h in hosts]
        return [int(n) for n in numbers]

    before = series(range(1000))
    held = table.hold(series=np.array(before[:10], dtype=np.int32))
    table.begin_look()
    assert series(range(990, 1000)) == before[990:]
    table.free_series(table.unused_series())
    table.free_groups(table.unused_groups())
    table.end_look()
    assert table.in_use == 20 + 21, "and the group of points that are not grouped"
    assert series(range(10)) == held.series.tolist() and series(range(990, 1000)) == before[990:]
    assert set(series(range(1000, 1500))) <= set(before[10:990])
    assert len(table) == 1000


def test_lines_of_others_shares_are_read_while_it_is_looked_and_passed_over_again() -> None:
    table = SeriesTable()
    decoder = LineProtocolDecoder(table)
    wanted = Wanted(others=[SeriesOfShare(Share(TagSet.of("h"), 0, 2), table)])

    def mine(hosts: Sequence[int]) -> int:
        batch = decoded(decoder, hosts, wanted)
        assert int(batch.counts(WritesSeq(0)).sum()) == len(hosts)
        return len(batch.points)

    assert mine(range(100)) == 100, "whose they are is not known yet"
    half = mine(range(50))
    assert 10 < half < 40
    table.begin_look()
    assert mine(range(50)) == 50
    table.free_series(table.unused_series())
    table.end_look()
    assert table.in_use == 51
    assert mine(range(100, 150)) == 50
    assert mine(range(50)) == half
    assert mine(range(100, 150)) < 40


def test_keys_are_dropped_and_the_rest_is_found() -> None:
    table, keys = KeyTable(), [f"cpu,host=server{n:04d}".encode() for n in range(5000)]
    table.add({key: n for n, key in enumerate(keys)})
    gone = np.zeros(5000, dtype=np.bool_)
    gone[::3] = True
    table.drop(gone)
    assert len(table) == 5000 - np.count_nonzero(gone)
    gone[::2] = True
    table.drop(gone)
    assert len(table) == 5000 - np.count_nonzero(gone), "most are gone: it was made anew"
    text, begins, ends = packed(keys)
    found = table.number(text, address_of(text), begins, ends, lambda key: 7777)
    assert found.tolist() == [7777 if gone[n] else n for n in range(5000)]
    assert len(table) == 5000


def test_where_a_state_cannot_be_taken_nothing_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    run = ScriptRun(WINDOW).write(lines(range(100)))
    monkeypatch.setattr(run.run, "state", lambda: 1 / 0)
    shrinking, before = Shrinking(run.table, 50), run.table.in_use
    shrinking.go_on()
    assert not run.table.looking and not shrinking.busy
    assert run.table.in_use == before
