"""What all autoscale nodes are: a lambda says how many there are to be, and a cluster is told when that changes.

In a run in which nothing is done outside no cluster is asked or told, nor need it be configured. A resource that the
run knows nothing of has `min` to begin with; each change is told (services.runtime.effects.Withheld), as

    {"cluster", "resource", "resource-kind", "namespace", "old", "new"}    with "" where it has no kind or namespace
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.columns.column import Column, IntArray, Kind, constant
from services.columns.frame import Barriers, Batches, Frame, Message, Points, points_of
from services.columns.groups.keyed_state import KeyedState, keyed_part
from services.columns.groups.series import Dimensions, Group, Series
from services.columns.message_snapshot import message_from_state, message_state
from services.columns.snapshot import State
from services.connectors.clusters.scaler import Guarded, ScaledResource, ScaleError, Scaler
from services.expressions import Evaluator
from services.expressions.typed.types import ValueType, unexpected
from services.pipeline.column_pruning import references_of
from services.pipeline.spec import Edge, LambdaValue, Properties, Type, prop
from services.process import log as logs
from services.runtime.async_node import AsyncNode
from services.runtime.context import Context
from services.runtime.effects import Withheld
from services.runtime.errors import TaskFailed
from services.runtime.keyed.keyed_node import KeyedNode
from services.runtime.lambdas import checked_evaluator

log = logs.get("engine")

_DUE = 1  # a tick that has passed


@dataclass
class AutoscaleProperties(Properties):
    """What all of them have."""

    cluster: str = prop(Type.STRING, default="", doc="The cluster's id in the configuration.")
    current_field: str = prop(
        Type.STRING, default="", doc="A field that the lambda finds the present number in; none unless set."
    )
    max: int = prop(Type.INT, default=0, doc="The most there may be; 0: no limit.")
    min: int = prop(Type.INT, default=1, doc="The least there may be, 1 or more.")
    replicas: LambdaValue | None = prop(Type.LAMBDA, doc="How many there should be, an int.")
    increase_cooldown: int = prop(
        Type.DURATION, default=0, doc="For how long after an increase there is no other of the same resource."
    )
    decrease_cooldown: int = prop(
        Type.DURATION, default=0, doc="For how long after a decrease there is no other of the same resource."
    )

    def check(self) -> None:
        if self.min < 1:
            raise ValueError(f"min must be >= 1, got {self.min}")
        if self.replicas is None:
            raise ValueError("must provide a replicas lambda expression")

    def reads(self) -> frozenset[str]:
        return references_of(self.replicas)

    def passes(self) -> bool:
        return False

    def tags_behind(self, before: Sequence[frozenset[str] | None]) -> None:
        return None

    def name_behind(self, before: Sequence[str | None]) -> None:
        return None

    def needs_all_groups(self, wants: Edge) -> str:
        return "points of several groups may scale one resource"

    def exactly_one(self, name: str, tag: str, words: str) -> None:
        """What names the resource must be given one way. ValueError where it is not."""
        if bool(name) == bool(tag):
            raise ValueError(f"must specify exactly one of {words}")


@dataclass(slots=True)
class _Scale:
    """How a resource stands. Times of points, ns; None: never."""

    current: int
    increased: int | None = None
    decreased: int | None = None


@dataclass(slots=True)
class _Input:
    """One step's input and, once all its calls are made, what it has come to."""

    messages: list[Message]
    now: int
    out: list[Message] | None = None


@dataclass(frozen=True, slots=True)
class _Event:
    """A change: when, the point that tells of it, the group of the one that caused it."""

    time: int
    name: str
    tags: Mapping[str, str]
    group: int
    old: int
    new: int
    origin: int


_Call = Callable[[], Any]
_Work = Generator[_Call, Any, None]


class Replicas(KeyedState):
    replicas: Evaluator = keyed_part(Evaluator)


class AutoscaleNode(AsyncNode, KeyedNode):
    """Evaluates `replicas` for each point and has the cluster scale its resource where the result is another number.

    How many a resource has is asked once and then kept in mind. Calls are made outside of the data path, one after the
    other; what comes of a step goes on once its calls have been answered. A call that fails is counted as an error and
    leaves the resource as it was, so the next point tries again. After a restart what was not answered is done again.
    """

    keeps = Replicas
    keyed: Replicas
    not_by_group = "points of several groups may scale one resource"
    properties: AutoscaleProperties

    def __init__(self, properties: Any, context: Context) -> None:
        super().__init__(properties, context)
        assert properties.replicas is not None
        self._replicas = checked_evaluator(properties.replicas, context.table, "invalid replicas expression: ")
        self._dry = context.environment.dry
        self._scaler: Guarded | _NoCluster = _NoCluster(properties.min) if self._dry else Guarded(self.scaler())
        self.keyed = Replicas(context.table, replicas=self._replicas)
        self._groups = self.keyed.groups
        self._scales: dict[str, _Scale] = {}
        self._inputs: deque[_Input] = deque()  # unanswered
        self._before: State = {}  # the state before the first input that is not worked off
        self._working: tuple[_Input, _Work] | None = None
        self._future: Future[Any] | None = None
        self._threads = ThreadPoolExecutor(1, "autoscale")
        self._wake: Callable[[], None] = _nobody
        for name in ("increase_events", "decrease_events", "cooldown_drops"):
            context.statistics.more.setdefault(name, 0)

    def scaler(self) -> Scaler:
        """The cluster. TaskFailed where it cannot be had."""
        raise NotImplementedError

    def resource(self, tags: Mapping[str, str]) -> ScaledResource:
        """What a point with these tags scales. ValueError where they do not tell."""
        raise NotImplementedError

    def attach(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._go_on(None)

    def run(self, inputs: Sequence[Sequence[Message]]) -> list[Message]:
        kept = [_detached(m) for m in inputs[0]]
        self._inputs.append(_Input(kept, self.context.step.now))
        if self._working is None:
            self._go_on(None)
        return []

    def answer(self) -> list[Message] | None:
        if not self._inputs or self._inputs[0].out is None:
            return None
        return self._inputs.popleft().out

    def next_tick(self) -> int | None:
        return _DUE if self._future is not None and self._future.done() else None

    def tick(self, now: int) -> Sequence[Message]:
        """A call has been answered."""
        future, self._future = self._future, None
        self._go_on(future)
        return []

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def state(self) -> State:
        own = self._before if self._working is not None else self._own_state()
        waiting = [[[message_state(m, self.context.table) for m in i.messages], i.now] for i in self._inputs]
        return {**own, "inputs": waiting}

    def restore(self, state: State) -> None:
        self.keyed.restore(state)
        self._scales = {key: _Scale(*scale) for key, scale in state["scales"].items()}
        self.context.statistics.more.update(state["counts"])
        for messages, now in state["inputs"]:
            self._inputs.append(_Input([message_from_state(m, self.context.table) for m in messages], now))

    def _own_state(self) -> State:
        return {
            **self.keyed.state(),
            "scales": {key: [s.current, s.increased, s.decreased] for key, s in self._scales.items()},
            "counts": dict(self.context.statistics.more),
        }

    def _go_on(self, answered: Future[Any] | None) -> None:
        """Work off inputs up to the next call, which is then made in the thread."""
        while True:
            if self._working is None:
                new = next((i for i in self._inputs if i.out is None), None)
                if new is None:
                    return
                self._before = self._own_state()
                self._working = (new, self._work(new))
            try:
                call = self._working[1].send(answered)
            except StopIteration:
                self._working, answered = None, None
                continue
            if self._dry:
                answered = _called(call)
                continue
            self._future = self._threads.submit(call)
            self._future.add_done_callback(lambda future: self._wake())
            return

    def _work(self, input_: _Input) -> _Work:
        out: list[Message] = []
        for message in input_.messages:
            if isinstance(message, Barriers):
                if not message.for_joins:
                    self.keyed.observe_barriers(message)
                out.append(message)
            else:
                yield from self._points(message, input_.now, out)
        input_.out = out

    def _points(self, message: Frame | Batches, now: int, out: list[Message]) -> _Work:
        points = message.points
        of_batch = None if isinstance(message, Frame) else message.batch_of_points()
        local = self._groups.local(message.group)
        groups, origins = message.group.tolist(), message.origin.tolist()
        events: list[_Event] = []
        for row, (time, series) in enumerate(zip(points.time.tolist(), points.series.tolist(), strict=True)):
            place = row if of_batch is None else int(of_batch[row])
            named = self.context.table.series(series)
            try:
                resource = self.resource(dict(named.tags))
            except ValueError as error:
                self.context.error(str(error), group=groups[place])
                continue
            change = yield from self._change(resource, points, row, local[place : place + 1], now, time)
            if change is None:
                continue
            name = named.name if isinstance(message, Frame) else message.names[place]
            tags = {k: dict(named.tags).get(k, "") for k, _ in self.context.table.group(groups[place]).tags}
            tags.update(resource.tags)
            events.append(_Event(time, name, tags, groups[place], *change, origins[place]))
        if events:
            out.append(self._frame(events, message.dimensions))

    def _change(
        self, resource: ScaledResource, points: Points, row: int, group: IntArray, now: int, time: int
    ) -> Generator[_Call, Any, tuple[int, int] | None]:
        """Old and new number, where a point has brought a change about."""
        p, counts = self.properties, self.context.statistics.more
        scale = self._scales.get(resource.key)
        if scale is None:
            answer = yield lambda: self._scaler.replicas(resource)
            try:
                scale = self._scales[resource.key] = _Scale(answer.result())
            except ScaleError as error:
                self.context.error(f'could not determine initial scale for "{resource.title}": {error}')
                return None
        wanted = self._wanted(points, row, group, now, scale.current)
        if wanted is None:
            return None
        new = max(min(wanted, p.max) if p.max > 0 else wanted, p.min)
        if new == scale.current:
            return None
        more = new > scale.current
        last, pause = (scale.increased, p.increase_cooldown) if more else (scale.decreased, p.decrease_cooldown)
        if last is not None and time < last + pause:
            counts["cooldown_drops"] += 1
            return None
        old = scale.current
        self._tell(resource, time, old, new)
        answer = yield lambda: self._scaler.scale(resource, new)
        try:
            answer.result()
        except ScaleError as error:
            text = f'failed to set new replica count for "{resource.title}": {error}'
            self.context.error(f"failed to apply scaling event: {text}")
            return None
        scale.current = new
        if more:
            scale.increased = time
        else:
            scale.decreased = time
        counts["increase_events" if more else "decrease_events"] += 1
        return old, new

    def _tell(self, resource: ScaledResource, time: int, old: int, new: int) -> None:
        """A resource is about to be scaled, or would be."""
        task, node = self.context.task, self.context.node
        if not self._dry:
            log.info("setting replicas", task=task, node=node, id=resource.key, old=old, new=new)
            return
        of = {"resource": resource.key, "resource-kind": resource.kind, "namespace": resource.namespace}
        what = {"cluster": self.properties.cluster, **of, "old": old, "new": new}
        self.context.effect(Withheld(node, "scale", time, what))

    def _wanted(self, points: Points, row: int, group: IntArray, now: int, current: int) -> int | None:
        """What the lambda says for one point; None where it fails, which is counted."""
        one = points.take(np.array([row], dtype=np.intp))
        if self.properties.current_field:
            one = one.with_columns({self.properties.current_field: constant(current, 1)})
        result = self._replicas.evaluate(one, group, now)
        column: Column | None = result.column
        if result.failed is not None and result.failed[0]:
            reason = result.reasons[0]
        elif column is None or column.kind is not Kind.INT:
            reason = unexpected("missing" if column is None else column.kind.value, ValueType.INT)
        else:
            return int(column.values[0])
        self.context.error(f"failed to evaluate the replicas expression: {reason}")
        return None

    def _frame(self, events: Sequence[_Event], dimensions: Dimensions) -> Frame:
        """The events as points; they stay grouped by the tags that the points which caused them were grouped by."""
        table = self.context.table
        series = [table.number(Series("", "", e.name, tuple(sorted(e.tags.items())))) for e in events]
        groups = []
        for event in events:
            was = table.group(event.group)
            tags = tuple((k, event.tags[k]) for k, _ in was.tags)
            groups.append(table.group_number(Group(tags, event.name if was.by_name else "", was.by_name)))
        points = points_of([e.time for e in events], series, [{"old": e.old, "new": e.new} for e in events])
        origins = np.array([e.origin for e in events], dtype=np.int64)
        return Frame(points, np.array(groups, dtype=np.int32), dimensions, origins)


def cluster_of(context: Context, kind: str, id_: str, node: str, client: str, unknown: str) -> Any:
    """A cluster's settings. TaskFailed, in the reference's words, where there is none or it is not enabled."""
    cannot = f"cannot use the {node} node, could not create {client} client"
    settings = context.environment.clusters.get(kind, {}).get(id_)
    if settings is None:
        raise TaskFailed(f'{cannot}: unknown {unknown} "{id_}", cannot get client')
    if not settings.enabled:
        raise TaskFailed(f"{cannot}: service is not enabled")
    return settings


def without_library(node: str, error: ImportError) -> TaskFailed:
    """What a task fails with where the client library is not installed."""
    return TaskFailed(f"cannot use the {node} node: {error}; pip install 'tickbus[autoscale]' has what it needs")


class _NoCluster:
    """Stands for a cluster where none is to be asked or told."""

    def __init__(self, replicas: int) -> None:
        """replicas: what every resource has to begin with."""
        self._replicas = replicas

    def replicas(self, resource: ScaledResource) -> int:
        """See Scaler."""
        return self._replicas

    def scale(self, resource: ScaledResource, replicas: int) -> None:
        """See Scaler."""


def _called(call: _Call) -> Future[Any]:
    """A call that is made at once."""
    future: Future[Any] = Future()
    future.set_result(call())
    return future


def _detached(message: Message) -> Message:
    if isinstance(message, Barriers):
        return message
    return message.with_points(message.points.detached())


def _nobody() -> None:
    """Nobody waits: the node is ticked by its owner's own will."""
