"""However events are cut into messages, and whatever comes again, a topic folds to the same."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.alerting.topics.message import ReceivedMessage
from services.alerting.topics.records import records
from services.alerting.topics.topic import TaskHistory, Topic
from services.alertlog import codec
from services.bus.positions import EventsSeq
from tests.support.alerts import alerts, own_topic

EVENTS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3)), min_size=1, max_size=8)


def message(events: list[tuple[str, int]], seq: int, first: int) -> ReceivedMessage:
    """A message with the events from number `first` on of what the write `seq` caused."""
    step = alerts(events, seq)
    part = ReceivedMessage(codec.encode(codec.of_step(step, own_topic(), EventsSeq(1))), own_topic())
    for name in ("id", "level", "time", "duration", "seq", "row", "ordinal"):
        setattr(part, name, getattr(part, name)[first:])
    return part


def shown(topic: Topic) -> Any:
    return topic.collected, sorted(topic.levels().of().items())


def one_by_one(writes: list[list[tuple[str, int]]]) -> tuple[Any, list[tuple[str, int, int]]]:
    """What a topic comes to, and each event with the level before it."""
    current: dict[str, int] = {}
    told, last = [], {}
    for seq, events in enumerate(writes, 1):
        step = alerts(events, seq)
        for i, (id, level) in enumerate(events):
            told.append((id, level, current.get(id, 0)))
            current[id] = level
            last[id] = [level, int(step.time[i]), int(step.duration[i])]
    return (len(told), sorted(last.items())), told


@given(st.lists(EVENTS, min_size=1, max_size=6), st.data())
def test_repeats_do_not_show(writes: list[list[tuple[str, int]]], data: st.DataObject) -> None:
    topic = Topic(own_topic())
    told = []
    for seq, events in enumerate(writes, 1):
        for again in sorted(data.draw(st.sets(st.integers(1, seq - 1), max_size=2))) if seq > 1 else []:
            assert not topic.fold(message(writes[again - 1], again, 0), TaskHistory()).events
        part = message(events, seq, 0)
        folded = topic.fold(part, TaskHistory())
        told += [
            (part.ids[part.id[i]], int(part.level[i]), before)
            for i, before in zip(folded.events, folded.previous, strict=True)
        ]
    expected, every = one_by_one(writes)
    assert (shown(topic), told) == (expected, every)


@given(EVENTS, st.integers(0, 7))
def test_a_part_that_came_before_is_dropped(events: list[tuple[str, int]], cut: int) -> None:
    topic = Topic(own_topic())
    first = message(events, 1, 0)
    for name in ("id", "level", "time", "duration", "seq", "row", "ordinal"):
        setattr(first, name, getattr(first, name)[:cut])
    seen = len(topic.fold(first, TaskHistory()).events)
    rest = topic.fold(message(events, 1, 0), TaskHistory())
    assert list(rest.events) == list(range(min(cut, len(events)), len(events))) and seen == min(cut, len(events))
    assert shown(topic) == one_by_one([events])[0]


@given(EVENTS)
def test_a_record_says_what_its_message_said(events: list[tuple[str, int]]) -> None:
    topic = Topic(own_topic())
    whole = alerts(events, 1, details=None, values=[i / 3 for i in range(len(events))])
    raw = codec.encode(codec.of_step(whole, own_topic(), EventsSeq(1)))
    topic.fold(ReceivedMessage(raw, own_topic()), TaskHistory())
    before = topic.states(0)
    topic.sources = list(records((topic.key(slot), source) for slot, source in enumerate(topic.sources)))
    assert topic.states(0) == before and all("Fields" in state.details for state in before)
