"""Messages of ALERTS: what is written is what was always written, and is read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import orjson
import pytest

from services.alerting.delivery.forward import message_of
from services.alerting.topics.message import ReceivedMessage
from services.alertlog import codec, deletion, fields, mark
from services.alertlog.codec import Via
from services.bus.positions import EventsSeq
from services.columns.column import Column, Kind
from tests.support.alerts import CRITICAL, OK, alerts, in_category

STARTED = EventsSeq(7)
VIA = Via("main:t:alert2/0", (12, 1), 2, ("first", "second"), True)


def test_a_steps_events_are_written_as_ever() -> None:
    step = replace(
        in_category(alerts([("a", CRITICAL)], 5)),
        columns={
            "f": Column(Kind.FLOAT, np.array([np.nan])),
            "s": Column(Kind.STRING, np.array(["x"], dtype=object), np.array([True])),
        },
        fresh=np.array([True]),
        replay="r",
    )
    assert codec.encode(codec.of_step(step, "topic", STARTED)) == (
        b'{"task":"t","node":"alert2","topic":"topic","started":7,"ids":["a"],"id":[0],"messages":["a is CRITICAL"],'
        b'"message":[0],"details":[""],"level":[3],"time":[1700000005000000000],"duration":[0],"seq":[5],"row":[0],'
        b'"ordinal":[0],"recoverable":true,"series":[{"name":"cpu","tags":{"host":"a"},"group":"host=a"}],"of":[0],'
        b'"columns":{"f":{"kind":"float","values":["nan"]},"s":{"kind":"string","values":["x"],"valid":[true]}},'
        b'"data":null,"server":["here","cluster","server"],"replay":"r","fresh":[0],"category":"usage",'
        b'"moment":[1700000005000000000]}'
    )


def test_an_event_that_a_handler_puts_into_a_topic_is_written_as_ever() -> None:
    event = ReceivedMessage(codec.encode(codec.of_step(alerts([("a", OK)], 5), "topic", STARTED)), "topic").event(
        0, 3, 9
    )
    assert codec.encode(message_of(event, "to", VIA)) == (
        b'{"task":"t","node":"","topic":"to","started":0,"ids":["a"],"id":[0],"messages":["a is OK"],"message":[0],'
        b'"details":[""],"level":[0],"time":[1700000005000000000],"duration":[0],"seq":[9],"row":[0],"ordinal":[0],'
        b'"recoverable":true,"series":[{"name":"cpu","tags":{"host":"a"},"group":"host=a"}],"of":[0],'
        b'"columns":{"v":{"kind":"float","values":[1.5]}},"data":null,"server":["here","cluster","server"],'
        b'"via":{"handler":"main:t:alert2/0","first":[12,1],"previous":2,"path":["first","second"],"collected":true}}'
    )


def test_what_is_written_is_read_back() -> None:
    step = in_category(alerts([("a", OK), ("b", CRITICAL)], 5, values=[np.inf, 2.5]))
    written = codec.of_step(step, "topic", STARTED)
    read = codec.decode(codec.encode(written), "topic")
    for name in ("id", "message", "level", "time", "duration", "seq", "row", "ordinal", "of", "processing_time"):
        assert getattr(read, name).tolist() == getattr(written, name).tolist()
    assert [fields.at(read.columns, i) for i in range(2)] == [{"v": np.inf}, {"v": 2.5}]
    assert (read.ids, read.series, read.server) == (step.ids, step.series, step.server)


@pytest.mark.parametrize(("via", "ends"), [(VIA, None), (None, (3, 5, 6))])
def test_what_alerting_itself_says_of_an_event_is_read_back(via: Via | None, ends: tuple[int, int, int] | None) -> None:
    written = replace(codec.of_step(alerts([("a", OK)], 5), "topic", STARTED), via=via, ends=ends)
    read = codec.decode(codec.encode(written), "topic")
    assert (read.via, read.ends) == (via, ends)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("topic", "other"),
        ("id", [1]),
        ("level", [4]),
        ("message", [-1]),
        ("of", [1]),
        ("time", [1, 2]),
        ("server", ["a"]),
        ("ids", [1]),
        ("series", [{"name": "cpu", "tags": 3, "group": ""}]),
        ("details", []),
        ("columns", {"v": {"kind": "int", "values": []}}),
        ("columns", {"v": {"kind": "of a later version", "values": [1]}}),
        ("recoverable", 1),
        ("ends", [1, 2]),
        ("via", {}),
    ],
)
def test_what_does_not_fit_is_refused(key: str, value: object) -> None:
    body = orjson.loads(codec.encode(codec.of_step(alerts([("a", OK)], 5), "topic", STARTED)))
    codec.decode(orjson.dumps(body), "topic")
    with pytest.raises(ValueError):
        codec.decode(orjson.dumps(body | {key: value}), "topic")


def test_what_a_later_version_says_besides_is_let_pass() -> None:
    step = replace(in_category(alerts([("a", OK)], 5)), replay="r")
    body = orjson.loads(codec.encode(codec.of_step(step, "topic", STARTED)))
    more = {"later": {"x": 1}}
    later = body | more | {"series": [one | more for one in body["series"]]}
    later["columns"] = {name: column | more for name, column in body["columns"].items()}
    read = codec.decode(orjson.dumps(later), "topic")
    assert codec.encode(replace(read, series=body["series"], columns=body["columns"])) == orjson.dumps(body)
    assert mark.decode(b'{"handlers":7,"later":1}') == 7
    assert deletion.decode(b'{"deleted":true,"after":7,"later":1}') == 7


def test_a_message_of_a_later_version_is_no_alert() -> None:
    with pytest.raises(ValueError, match="not an alert message"):
        codec.decode(b'{"paused":7}', "topic")


def test_marks_and_deletions_are_told_apart() -> None:
    assert mark.encode(STARTED) == b'{"handlers":7}' and deletion.encode(STARTED) == b'{"deleted":true,"after":7}'
    assert (mark.decode(mark.encode(STARTED)), deletion.decode(deletion.encode(STARTED))) == (7, 7)
    assert mark.decode(deletion.encode(STARTED)) is None and deletion.decode(mark.encode(STARTED)) is None
    # as versions before the first release that knew of `after` wrote it
    assert deletion.decode(b'{"deleted":true}') == 0
    for broken in (b'{"handlers":"x"}', b'{"deleted":true,"after":[]}'):
        with pytest.raises(ValueError):
            mark.decode(broken)
            deletion.decode(broken)
