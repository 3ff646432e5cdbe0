"""Alert events that are too many for one message."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from services.alertlog import fields
from services.alertlog.codec import AlertMessage, decode, of_step
from services.alertlog.split import messages_of
from services.bus.positions import EventsSeq
from tests.support.alerts import CRITICAL, OK, WARNING, alerts

LIMIT = 1500


def test_cut_into_messages_that_fit_and_hold_the_same() -> None:
    events = [(f"id{i % 7}", (OK, WARNING, CRITICAL)[i % 3]) for i in range(100)]
    whole = alerts(events, 5, values=[float(i) for i in range(100)])
    whole = replace(whole, fresh=np.arange(100) % 40 == 3)
    messages = messages_of(whole, "topic", EventsSeq(9), LIMIT)
    assert len(messages) > 1 and max(map(len, messages)) <= LIMIT
    parts = [decode(data, "topic") for data in messages]
    assert {part.started for part in parts} == {9}
    assert [event for part in parts for event in _events(part)] == _events(of_step(whole, "topic", EventsSeq(9)))


def test_what_fits_is_one_message() -> None:
    whole = alerts([("a", OK)], 5)
    assert len(messages_of(whole, "topic", EventsSeq(9), LIMIT)) == 1


def test_an_event_that_never_fits_is_dropped_alone() -> None:
    events = [("a", WARNING), ("b" * LIMIT, WARNING), ("c", WARNING)]
    parts = [decode(data, "topic") for data in messages_of(alerts(events, 5), "topic", EventsSeq(9), LIMIT)]
    assert [part.ids[i] for part in parts for i in part.id.tolist()] == ["a", "c"]


def _events(of: AlertMessage) -> list[tuple[object, ...]]:
    fresh = () if of.fresh is None else of.fresh
    return [
        (
            of.ids[of.id[i]],
            of.messages[of.message[i]],
            str(of.series[of.of[i]]),
            None if of.details is None else of.details[i],
            *(int(of_all[i]) for of_all in (of.level, of.time, of.duration, of.seq, of.row, of.ordinal)),
            fields.at(of.columns, i),
            i in fresh,
        )
        for i in range(len(of))
    ]
