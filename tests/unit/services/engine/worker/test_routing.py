"""Which tasks get which messages of the log, and in which order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from services.bus.follow import StoredMessage
from services.bus.subjects import write_subject
from services.engine.worker.routing import DBRP, Routing
from services.engine.worker.task_under_way import TaskUnderWay

ONE, OTHER = ("db", "rp"), ("other", "rp")


def task(
    id: str, *streams: DBRP, measurements: set[int] | None = None, inhibits: bool = False, share: str | None = None
) -> TaskUnderWay:
    run = SimpleNamespace(streams=set(streams), inhibits=inhibits, share=share)
    only = None if measurements is None else frozenset(measurements)
    return cast(TaskUnderWay, SimpleNamespace(id=id, run=run, measurements=only))


def routing(*tasks: TaskUnderWay) -> Routing:
    return Routing({one.id: one for one in tasks})


def messages(*of: DBRP) -> list[StoredMessage]:
    return [StoredMessage(seq, write_subject(*dbrp), b"", None, 0) for seq, dbrp in enumerate(of, 1)]


def parts(route: Routing, *of: DBRP) -> list[tuple[DBRP, list[int]]]:
    return [(dbrp, [m.seq for m in part]) for dbrp, part in route.parts(messages(*of))]


def wanted(route: Routing, dbrp: DBRP, *present: int) -> list[str]:
    return [one.id for one in route.wanted(dbrp, frozenset(present))]


def test_a_task_gets_the_measurements_that_it_reads() -> None:
    route = routing(task("all", ONE), task("two", ONE, measurements={1, 2}), task("elsewhere", OTHER))
    assert wanted(route, ONE, 1, 2) == ["all", "two"]
    assert wanted(route, ONE, 3) == ["all"]
    assert wanted(route, ("no", "rp"), 1) == []
    assert route.reads(OTHER) and not route.reads(("no", "rp"))


def test_tasks_that_inhibit_others_come_first() -> None:
    assert wanted(routing(task("a", ONE), task("b", ONE, inhibits=True), task("c", ONE)), ONE, 1) == ["b", "a", "c"]


def test_messages_stay_in_order_only_where_a_task_reads_several_databases() -> None:
    assert parts(routing(task("a", ONE), task("b", OTHER)), ONE, OTHER, ONE) == [(ONE, [1, 3]), (OTHER, [2])]
    both = routing(task("a", ONE, OTHER))
    assert parts(both, ONE, OTHER, OTHER, ONE) == [(ONE, [1]), (OTHER, [2, 3]), (ONE, [4])]
    assert parts(both, ONE, ONE) == [(ONE, [1, 2])]


def test_tasks_that_come_and_go_count_once_it_is_told() -> None:
    tasks = {"a": task("a", ONE)}
    route = Routing(tasks)
    assert wanted(route, ONE, 1) == ["a"]
    del tasks["a"]
    tasks["b"] = task("b", OTHER)
    route.changed()
    assert wanted(route, OTHER, 1) == ["b"] and not route.reads(ONE)


def test_of_a_measurement_that_only_parts_of_tasks_read_no_more_is_wanted_than_their_shares() -> None:
    some = [task("a", ONE, measurements={1, 2}, share="1/3"), task("b", ONE, measurements={2, 3})]
    wants = routing(*some).wants(ONE)
    assert (wants.measurements, wants.shares, wants.others) == ({1, 2, 3}, {1: ["1/3"], 2: [], 3: []}, [])
    wants = routing(*some, task("all", ONE, share="2/5")).wants(ONE)
    assert (wants.measurements, wants.shares, wants.others) == (None, {1: ["1/3", "2/5"], 2: [], 3: []}, ["2/5"])
    wants = routing(*some, task("all", ONE)).wants(ONE)
    assert (wants.measurements, wants.shares, wants.others) == (None, {1: [], 2: [], 3: []}, [])
