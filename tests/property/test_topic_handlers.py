"""Whatever becomes of a topic's handlers, what it had after each event stays known, until too many have gone since."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.alerting.projection import TopicHandlers
from services.store.folds.handlers import fold
from services.store.folds.state import State


@dataclass
class Fact:
    id: str
    what: str
    data: dict[str, Any]
    seq: int
    kind: str = "handler"
    time_ns: int = 7


CHANGES = st.lists(
    st.tuples(st.sampled_from(["defined", "updated", "renamed", "deleted"]), st.sampled_from("abc"), st.booleans()),
    max_size=20,
)


@given(CHANGES)
def test_the_handlers_of_a_topic_after_each_event(changes: list[tuple[str, str, bool]]) -> None:
    state, live = State(), dict[str, int]()
    after: dict[int, set[tuple[str, int]]] = {0: set()}
    last = 0
    for seq, (what, id, late) in enumerate(changes, 1):
        was = "b" if id == "a" else "a"
        data: dict[str, Any] = {"kind": id, "options": None, "match": "", "position": 10 * seq}
        if what == "renamed":
            data |= {"was": was, "was-sequence": live[was] - late if was in live else 0}
        fold(state, Fact(f"t/{id}", "updated" if what == "renamed" else what, data, seq))
        fits = {
            "defined": id not in live,
            "updated": id in live,
            "renamed": was in live and id not in live and not late,
            "deleted": id in live,
        }[what]
        if fits:
            live.pop(was if what == "renamed" else id, None)
            if what != "deleted":
                live[id] = seq
            last = seq
        after[seq] = set(live.items())
    handlers = TopicHandlers(lambda: state)
    for seq, expected in after.items():
        found = handlers.at("t", seq)
        assert {(h.kind, int(h.key.split("/")[1])) for h in found} == expected
        assert [handlers.handler(h.key) for h in found] == found
        assert handlers.begun("t", seq) == any(begun == seq for _, begun in expected)
        # an alert of this sequence lies behind the events decided at earlier ones
        assert handlers.at("t", handlers.before("t", 10 * seq + 1)) == found
    assert handlers.last("t") == last and handlers.topics() == ({"t": last} if last else {})
