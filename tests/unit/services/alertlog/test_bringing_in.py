"""States of alerts from another server, as messages."""

from __future__ import annotations

import pytest

from services.alertlog import bringing_in
from services.alertlog.bringing_in import BroughtEvent, BroughtIn
from services.bus.positions import EventsSeq

EVENTS = [BroughtEvent(f"id{i}", i % 4, 10**18 + i, i, f"message {i}", "") for i in range(20)]


def test_they_are_read_as_they_were_written_whatever_a_message_may_hold() -> None:
    whole = list(bringing_in.encode(EVENTS, EventsSeq(7), 10_000))
    assert [bringing_in.decode(one) for one in whole] == [BroughtIn(EventsSeq(7), EVENTS)]
    cut = [bringing_in.decode(one) for one in bringing_in.encode(EVENTS, EventsSeq(7), 200)]
    assert len(cut) > 1 and [event for one in cut if one is not None for event in one.events] == EVENTS


def test_other_messages_are_none() -> None:
    assert bringing_in.decode(b'{"takes-up":"x"}') is None


@pytest.mark.parametrize(
    "data",
    [
        b'{"brings-in":',
        b'{"brings-in":1}',
        b'{"brings-in":"1","events":[]}',
        b'{"brings-in":1,"events":[["a",3,0,0,""]]}',
        b'{"brings-in":1,"events":[["a",4,0,0,"",""]]}',
        b'{"brings-in":1,"events":[["a",true,0,0,"",""]]}',
        b'{"brings-in":1,"events":[["a",3,0,0,"",null]]}',
        b'{"brings-in":1,"events":[["a",3,9223372036854775808,0,"",""]]}',
        b'{"brings-in":1,"events":[{}]}',
        b'{"brings-in":1,"events":7}',
    ],
)
def test_what_is_broken_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        bringing_in.decode(data)
