"""Messages of the log in parts: in order, none twice, and none with what does not belong together."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.dryrun.parts import parts
from services.runtime.task import JUMP

MESSAGES = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(0, 3 * JUMP)), max_size=30)


@given(MESSAGES, st.integers(1, 100))
def test_they_are_cut_where_something_else_begins(described: list[tuple[str, int, int]], most: int) -> None:
    messages = [
        StoredMessage(seq, write_subject(db, "rp"), bytes(size), {}, time)
        for seq, (db, size, time) in enumerate(described, 1)
    ]
    found = list(parts(messages, lambda: most))
    assert [message for part in found for message in part] == messages and all(found)
    for part in found:
        assert len({message.subject for message in part}) == 1
        assert len(part) == 1 or sum(len(message.data) for message in part) <= most
        assert all(later.time_ns >= one.time_ns - JUMP for one, later in itertools.pairwise(part))
    for part, following in itertools.pairwise(found):
        together = sum(len(message.data) for message in [*part, following[0]])
        other = part[0].subject != following[0].subject
        assert other or together > most or part[-1].time_ns - following[0].time_ns > JUMP
