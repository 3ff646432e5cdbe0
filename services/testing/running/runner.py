"""Tests run, each by itself: a task of its own, by a clock of its own."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from services.alertlog.info import LEVELS
from services.dryrun.log_run import LogRun
from services.pipeline.compiler.sources import SOURCES
from services.runtime.effects import Effect
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun
from services.testing.format.document import Located
from services.testing.format.model import Expectation, RuleTest, Section, Step
from services.testing.input.feeding import BadInput, Feed
from services.testing.input.lines import first_time
from services.testing.input.recordings import first_time_of
from services.testing.input.times import DEFAULT_START, is_relative, parse_calendar, parse_length, parse_time
from services.testing.matching.sections import SectionResult, compare
from services.testing.matching.values import ABSENT, pattern_error
from services.testing.running.building import CannotStart, Workshop
from services.testing.running.outcomes import OWN_KINDS, Notes, Outcomes, Watching
from services.testing.running.result import AlertLevels, Covered, Problem, TestResult

_COUNTED = ("ok", "info", "warn", "crit")
_MOST_REPEATS = 1_000_000


async def run_test(test: RuleTest, workshop: Workshop) -> TestResult:
    """Run a test to its end, or to where that is not possible."""
    began = time.perf_counter()
    run = _Run(test, workshop)
    try:
        await run.go()
    except _Stopped as stopped:
        run.result = replace(run.result, problem=stopped.problem)
    return replace(run.result, seconds=time.perf_counter() - began)


class _Stopped(Exception):
    def __init__(self, text: str, where: Located, *path: str) -> None:
        self.problem = Problem(text, *where.place(path))


@dataclass(slots=True)
class _Run:
    test: RuleTest
    workshop: Workshop
    outcomes: Outcomes = field(default_factory=Outcomes)
    result: TestResult = field(init=False)
    _sections: list[SectionResult] = field(default_factory=list)
    _marks: dict[tuple[str, str], int] = field(default_factory=dict)
    _start: int = 0

    def __post_init__(self) -> None:
        self.result = TestResult(self.test, 0.0)

    async def go(self) -> None:
        """Raises _Stopped."""
        self._check_patterns()
        self._start = self._begin()
        self.result = replace(self.result, start=self._start)
        try:
            run = await self.workshop.task(self.test, self._start, Notes(self.outcomes))
        except CannotStart as error:
            self._did_not_start(error)
            return
        run.run.observe(Watching(run.run, self.outcomes, self._wanted(run.run)))
        try:
            with run:
                await self._steps(run)
        finally:
            self.result = replace(
                self.result,
                sections=tuple(self._sections),
                notes=tuple(dict.fromkeys(self.outcomes.notes)),
                covered=_covered(self.test, run.run, self.outcomes),
                alerts=tuple(self.outcomes.kinds["alerts"]),
            )
        if not any(self._expectations()):
            raise _Stopped("nothing is expected: write `expect`, or have `--update` write what came", self.test.where)

    async def _steps(self, run: LogRun) -> None:
        test = self.test
        where, now = test.where, self._start
        try:
            feed = Feed(run, self._start, test.precision, self._found, test.apart)
            for step in test.steps:
                where = step.where
                if not self.outcomes.failure:
                    await self._step(feed, step)
                now = feed.now
                if step.expect is not None:
                    self._check(step.expect, run.run, now, self._marks)
                    self._mark()
        except BadInput as error:
            raise _Stopped(str(error), where) from None
        except TaskFailed as error:
            self.outcomes.failure = str(error)
        if test.expect is not None:
            self._check(test.expect, run.run, now, {})
        self._fails_only_where_it_should(where)

    async def _step(self, feed: Feed, step: Step) -> None:
        """Raises BadInput, TaskFailed, _Stopped."""
        if step.at:
            await feed.reach(self._time(step.at, feed.now, step.where, "at"))
        if step.answers is not None:
            feed.answers(step.answers)
        for path in step.files:
            await feed.file(path, step.dbrp)
        if not step.every:
            await feed.lines(step.lines, step.dbrp)
            return
        every = self._length(step.every, step.where, "every")
        until = self._time(step.until, feed.now, step.where, "until")
        if every <= 0:
            raise _Stopped("every: must be longer than nothing", step.where, "every")
        if (until - feed.now) // every > _MOST_REPEATS:
            raise _Stopped(f"every: the lines would come more than {_MOST_REPEATS} times", step.where, "every")
        await feed.repeated(step.lines, every, until, step.dbrp)

    def _found(self, effects: Iterable[Effect]) -> None:
        self.outcomes.add(list(effects))

    def _check(self, expect: Expectation, run: TaskRun, now: int, marks: dict[tuple[str, str], int]) -> None:
        if expect.nothing:
            for kind in OWN_KINDS:
                got = self.outcomes.since(kind, "", marks.get((kind, ""), 0))
                if got or kind == "alerts":
                    none = replace(expect.where, plain="none")
                    self._sections.append(compare(Section(kind, "", none, expect.indent), got, self._start, now))
            return
        names = [node.name for node, _ in run.nodes()]
        for section in expect.sections:
            nodes = [section.name] if section.kind == "nodes" else section.where.keys or {}
            for name in nodes if section.kind in ("nodes", "errors") else ():
                if name not in names:
                    text = f"the script has no node {name!r}: it has {', '.join(names)}"
                    raise _Stopped(text, section.where, name)
            got = self._got(section, run, marks)
            self._sections.append(compare(section, got, self._start, now))

    def _got(self, section: Section, run: TaskRun, marks: dict[tuple[str, str], int]) -> Any:
        kind, name = section.kind, section.name
        if kind in ("counts", "expects"):
            alerts = self.outcomes.since("alerts", "", marks.get(("alerts", ""), 0))
            numbers = [LEVELS.index(alert["level"]) for alert in alerts]
            return {word: numbers.count(i) for i, word in enumerate(_COUNTED)}
        if kind == "errors":
            stats = run.statistics()["node-stats"]
            return {node: stats[node]["errors"] for node in stats}
        if kind == "fails":
            return self.outcomes.failure or ABSENT
        if kind == "httpOut":
            try:
                return run.endpoint(name)
            except KeyError:
                known = ", ".join(run.endpoints()) or "none"
                raise _Stopped(f"the script has no endpoint {name!r}: it has {known}", section.where) from None
        found = self.outcomes.since(kind, name, marks.get((kind, name), 0))
        if kind == "nodes" and "barrier" not in _keys_of(section.where):
            return [item for item in found if "barrier" not in item]
        return found

    def _mark(self) -> None:
        self._marks = {(kind, ""): len(items) for kind, items in self.outcomes.kinds.items()}
        self._marks |= {("nodes", name): len(items) for name, items in self.outcomes.nodes.items()}

    def _did_not_start(self, error: CannotStart) -> None:
        reason = str(error)
        fails = [one for expect in self._expectations() for one in expect.sections if one.kind == "fails"]
        if not fails:
            kinds = [key for key in (error.key, "script", "file", "template") if key in (self.test.where.keys or {})]
            raise _Stopped(reason, self.test.where, *kinds[:1])
        found = tuple(compare(one, reason, self._start, self._start) for one in fails)
        self.result = replace(self.result, sections=found)

    def _fails_only_where_it_should(self, where: Located) -> None:
        told = any(section.kind == "fails" for expect in self._expectations() for section in expect.sections)
        if self.outcomes.failure and not told:
            raise _Stopped(f"the task has ended: {self.outcomes.failure}", where)

    def _expectations(self) -> list[Expectation]:
        steps = [step.expect for step in self.test.steps if step.expect is not None]
        return [*steps, self.test.expect] if self.test.expect is not None else steps

    def _wanted(self, run: TaskRun) -> frozenset[str]:
        return frozenset(s.name for expect in self._expectations() for s in expect.sections if s.kind == "nodes")

    def _begin(self) -> int:
        test = self.test
        if test.start:
            try:
                return parse_calendar(test.start)
            except ValueError as error:
                raise _Stopped(f"start: {error}", test.where, "start") from None
        for step in test.steps:
            if step.at and not is_relative(step.at) and not step.at.startswith("+"):
                return self._time(step.at, 0, step.where, "at")
            found = [first_time(text, test.precision) for text in step.lines]
            found += [first_time_of(path, test.precision) for path in step.files]
            if (first := next((time for time in found if time is not None), None)) is not None:
                return first
        return DEFAULT_START

    def _time(self, text: str, now: int, where: Located, key: str) -> int:
        try:
            return parse_time(text, self._start, now)
        except ValueError as error:
            raise _Stopped(f"{key}: {error}", where, key) from None

    def _length(self, text: str, where: Located, key: str) -> int:
        try:
            return parse_length(text)
        except ValueError as error:
            raise _Stopped(f"{key}: {error}", where, key) from None

    def _check_patterns(self) -> None:
        for expect in self._expectations():
            waiting = [expect.where]
            while waiting:
                here = waiting.pop()
                if error := pattern_error(here.plain):
                    raise _Stopped(error, here)
                waiting += [entry.value for entry in (here.keys or {}).values()] + (here.items or [])


def _keys_of(where: Located) -> set[str]:
    """Of all that is expected in a list."""
    lists = [where, *(entry.value for entry in (where.keys or {}).values())]
    return {key for one in lists for item in one.items or () for key in item.keys or ()}


def _covered(test: RuleTest, run: TaskRun, outcomes: Outcomes) -> Covered:
    levels: dict[str, AlertLevels] = {}
    for node, _ in run.nodes():
        if node.spec.takes_handlers:
            named = {i for i, word in enumerate(_COUNTED) if i and getattr(node.properties, word, None) is not None}
            levels[node.name] = AlertLevels(frozenset(named | {0}), frozenset(outcomes.levels.get(node.name, ())))
    names = tuple(node.name for node, _ in run.nodes() if node.spec not in SOURCES.values())
    return Covered(test.source, names, frozenset(outcomes.spoke), levels)
