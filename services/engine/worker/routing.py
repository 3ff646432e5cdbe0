"""Which tasks want which part of the log: found by index, so that tasks on other measurements cost nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.bus.follow import StoredMessage
from services.bus.subjects import parse_write_subject
from services.engine.worker.task_under_way import TaskUnderWay
from services.runtime.input.line_protocol_decoder import Wanted
from services.runtime.input.share import SeriesOfShare

DBRP = tuple[str, str]

_ANY = -1  # stands for all measurements


class Routing:
    """The index of a worker's tasks, made anew when it is asked for after they have changed."""

    def __init__(self, tasks: Mapping[str, TaskUnderWay]) -> None:
        """tasks: by id, at any time."""
        self._tasks = tasks
        self._routes: dict[DBRP, dict[int, list[TaskUnderWay]]] | None = None
        self._wants: dict[DBRP, Wanted] = {}
        self._several = False  # some task reads several databases or retention policies

    def changed(self) -> None:
        """Tasks have come or gone."""
        self._routes = None
        self._wants.clear()

    def reads(self, dbrp: DBRP) -> bool:
        """Whether any task reads this database and retention policy."""
        return dbrp in self._route()

    def wants(self, dbrp: DBRP) -> Wanted:
        """What some task reads of it. The same object until tasks change."""
        if dbrp not in self._wants:
            route = self._route().get(dbrp, {})
            of_all = route.get(_ANY, [])
            shares = {one: _shares([*route[one], *of_all]) for one in route.keys() - {_ANY}}
            self._wants[dbrp] = Wanted(None if of_all else frozenset(route), shares, _shares(of_all))
        return self._wants[dbrp]

    def wanted(self, dbrp: DBRP, present: frozenset[int]) -> list[TaskUnderWay]:
        """The tasks that read some of these measurements."""
        route = self._route().get(dbrp, {})
        found = {r.id: r for m in (_ANY, *sorted(present)) for r in route.get(m, ())}
        return inhibiting_first(found.values())

    def parts(self, messages: Sequence[StoredMessage]) -> list[tuple[DBRP, list[StoredMessage]]]:
        """Messages by database and retention policy; as runs in log order where some task reads several of them."""
        known = {s: parse_write_subject(s) for s in {m.subject for m in messages}}
        if len(known) == 1:
            return [(known[messages[0].subject], list(messages))]
        self._route()
        if self._several:
            parts: list[tuple[DBRP, list[StoredMessage]]] = []
            for m in messages:
                if not parts or parts[-1][0] != known[m.subject]:
                    parts.append((known[m.subject], []))
                parts[-1][1].append(m)
            return parts
        by_subject: dict[str, list[StoredMessage]] = {}
        for m in messages:
            by_subject.setdefault(m.subject, []).append(m)
        return [(known[s], part) for s, part in by_subject.items()]

    def _route(self) -> dict[DBRP, dict[int, list[TaskUnderWay]]]:
        if self._routes is None:
            self._routes = {}
            self._several = any(len(running.run.streams) > 1 for running in self._tasks.values())
            for running in self._tasks.values():
                for dbrp in running.run.streams:
                    route = self._routes.setdefault(dbrp, {})
                    for m in running.measurements if running.measurements is not None else (_ANY,):
                        route.setdefault(m, []).append(running)
        return self._routes


def inhibiting_first(tasks: Iterable[TaskUnderWay]) -> list[TaskUnderWay]:
    """Tasks whose alerts inhibit others come first, so that this is on the bus before alerts of the same step."""
    found = list(tasks)
    return sorted(found, key=lambda r: not r.run.inhibits) if any(r.run.inhibits for r in found) else found


def _shares(tasks: Iterable[TaskUnderWay]) -> list[SeriesOfShare]:
    """The shares that some tasks have; none where one of them has all."""
    found = [running.run.share for running in tasks]
    return [] if None in found else [share for share in found if share is not None]
