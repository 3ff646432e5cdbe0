"""Whatever has happened to tasks, templates and recordings: what compaction leaves of the log folds to the same."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.bus.events import Event
from services.compaction.survey import CompactionPlan, Survey
from services.store.folds import recordings, tasks, templates
from services.store.folds.state import State

IDS = ("a", "b", "c")
Op = tuple[str, str, str, int]
ops = st.tuples(
    st.sampled_from(
        ["define"] * 3 + ["made"] * 2 + ["delete"] * 4 + ["enable", "disable"] * 4 + ["update", "restart", "rename"]
        + ["started"] * 4 + ["stopped"] * 5 + ["failed", "template", "change", "untemplate", "rename template"]
        + ["record", "unrecord", "odd"]
    ),
    st.sampled_from(IDS),
    st.sampled_from(IDS),
    st.integers(0, 3),
)  # fmt: skip
DEFINITION = {"type": "stream", "dbrps": [{"db": "d", "rp": "r"}], "vars": {}}


class History:
    """What gateways and workers would have told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.state = State()

    def play(self, op: Op) -> None:
        what, id, other, number = op
        record, script = tasks.task_of(self.state, id), f"stream|from().measurement('m{number}')"
        shape = {**DEFINITION, "id": id, "status": "disabled", "created": "x", "script": script}
        run = record.run if record is not None else None
        if what == "define":
            self.tell("task", id, "defined", shape | ({"status": "enabled", "position": number} if number > 1 else {}))
        elif what == "made":
            template = templates.template_of(self.state, other)
            if template is not None:
                of = {"template-id": other, "template-sequence": template.sequence - (number == 0)}
                self.tell("task", id, "defined", shape | of | {"status": "enabled", "position": number})
        elif what == "delete":
            self.tell("task", id, "deleted", {"position": number, "alerts": "end" if number == 3 else "forget"})
        elif what in ("enable", "disable"):
            self.tell("task", id, f"{what}d", {"position": number})
        elif what in ("update", "restart") and record is not None:
            more = {"position": number, "restart": True} if what == "restart" else {}
            self.tell("task", id, "updated", shape | more | {"status": record.status})
        elif what == "rename" and record is not None and id != other:
            was = {"was": id, "was-sequence": record.sequence, "status": record.status, "position": number}
            self.tell("task", other, "updated", shape | was | {"id": other, "template-id": record.template_id})
        elif what == "started" and run is not None:
            said = {"enabled": run.enabled, "position": 1, "worker": f"w{number}", "remembered": f"{number}"}
            self.tell("run", id, "started", said)
        elif what == "failed" and run is not None:
            self.tell("run", id, "failed", {"enabled": run.enabled, "error": "so"})
        elif what == "stopped":
            for ended in tasks.ended_of(self.state, id):
                self.tell("run", id, "stopped", {"disabled": ended.sequence})
        elif what == "odd":
            self.tell("run", id, "stopped", {"disabled": number})
        else:
            self.play_other(what, id, other, number, script)

    def play_other(self, what: str, id: str, other: str, number: int, script: str) -> None:
        template = templates.template_of(self.state, id)
        shape = {"id": id, "type": "stream", "dbrps": [], "script": script}
        if what == "template":
            self.tell("template", id, "defined", shape)
        elif what == "untemplate":
            self.tell("template", id, "deleted", {})
        elif what in ("change", "rename template") and template is not None:
            of = {task: record.sequence for task, record in templates.tasks_of(self.state, id).items()}
            decided = {"was": id, "was-sequence": template.sequence, "tasks": of, "position": number}
            to = other if what == "rename template" else id
            self.tell("template", to, "updated", shape | decided | {"id": to})
        elif what == "record":
            self.tell("recording", id, "defined", {"type": "stream", "source": "stream"})
        elif what == "unrecord":
            self.tell("recording", id, "deleted", {})

    def tell(self, kind: str, id: str, what: str, data: dict[str, Any]) -> None:
        seq = len(self.events) + 1
        event = Event(kind, id, what, data, seq * 1000, seq)
        self.events.append(event)
        if kind != "recording":
            self.state.take(tasks.fold, event, seq)


def folded(events: list[Event]) -> dict[str, Any]:
    """What of the folds is asked for by anybody."""
    one, other = State(), State()
    for event in events:
        if event.kind == "recording":
            other.take(recordings.fold, event, event.seq)
        else:
            one.take(tasks.fold, event, event.seq)
    found = {bucket: dict(one.bucket(bucket)) for bucket in (tasks.TASKS, tasks.ENDED, templates.TEMPLATES)}
    return found | {recordings.RECORDINGS: dict(other.bucket(recordings.RECORDINGS))}


def planned(events: list[Event], until: int, alerting: frozenset[tuple[str, str]] = frozenset()) -> CompactionPlan:
    survey = Survey(until, alerting, 10**18)
    for event in events:
        survey.take(event)
    odd: set[tuple[str, str]] = set()
    while True:
        plan = survey.plan(odd)
        trial = Survey(until, alerting, 10**18, plan)
        for event in events:
            trial.take(event)
        if not (different := survey.differs(trial)):
            return plan
        assert not different <= odd
        odd |= different


def without(events: list[Event], plan: CompactionPlan) -> list[Event]:
    return [e for e in events if e.seq > plan.through.get((e.kind, e.id), 0) and e.seq not in plan.drops]


@given(st.lists(ops, max_size=40), st.integers(1, 60), st.sets(st.sampled_from(IDS)))
def test_what_is_left_is_the_same(history: list[Op], until: int, alerting: set[str]) -> None:
    told = History()
    for op in history:
        told.play(op)
    expected = folded(told.events)
    left = told.events
    plan = planned(left, until, frozenset(("task", id) for id in alerting))
    left = without(left, plan)
    assert folded(left) == expected
    assert all(e in left for e in told.events if e.seq >= until)
    for gone in plan.gone:
        kinds = ("task", "run") if gone.kind == "task" else (gone.kind,)
        assert not [e for e in left if e.id == gone.id and e.kind in kinds and e.seq < until]


@given(st.lists(ops, max_size=40))
def test_of_what_is_no_more_nothing_is_left(history: list[Op]) -> None:
    told = History()
    for op in history:
        told.play(op)
    for id in IDS:
        told.play(("disable", id, id, 1))
        told.play(("stopped", id, id, 1))
        told.play(("delete", id, id, 1))
        told.play(("untemplate", id, id, 1))
        told.play(("unrecord", id, id, 1))
    left = told.events
    for _ in range(2):
        plan = planned(left, len(told.events) + 1)
        left = without(left, plan)
    assert not left
