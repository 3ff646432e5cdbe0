"""alert: give each point (or batch) a level, and tell topics and handlers of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grammar.gotemplate import TemplateError
from services.alertlog.info import LEVELS
from services.bus.subjects import alert_subject
from services.columns.column import Column, IntArray, Kind
from services.columns.frame import Barriers, Batches, Frame, GroupOrder, Message, Points
from services.columns.groups.grouping import regrouped
from services.columns.groups.keyed_state import KeyedState, NotByGroup, Partitioning, keyed_part
from services.columns.groups.retag import with_tags
from services.columns.groups.series import Group, SeriesTable
from services.columns.snapshot import State
from services.expressions import Evaluator
from services.expressions.explained import Explained
from services.nodes.raising.decisions import LevelDecisions, Policy
from services.nodes.raising.events import EventWriter, Raised
from services.nodes.raising.id_tags import tags_in_id
from services.nodes.raising.inhibiting import Inhibiting
from services.nodes.raising.levels import CRITICAL, OK, LevelArray, LevelConditions
from services.nodes.raising.remembered import Remembered
from services.pipeline.spec import (
    Edge,
    HandlerUse,
    LambdaValue,
    NodeSpec,
    Properties,
    Type,
    appending,
    flag,
    prop,
)
from services.pipeline.tag_set import TagSet
from services.runtime.context import Context
from services.runtime.errors import TaskFailed, no_name_too_long
from services.runtime.keyed.keyed_node import KeyedNode
from services.runtime.lambdas import checked_evaluator, remembers
from services.runtime.task_log import TASK_LOG


@dataclass
class AlertProperties(Properties):
    """Levels, texts, what is sent, and what is added to the points that go on."""

    id: str = prop(Type.STRING, default="{{ .Name }}:{{ .Group }}", doc="Template of the alert's id.")
    message: str = prop(Type.STRING, default="{{ .ID }} is {{ .Level }}", doc="Template of the message.")
    details: str = prop(Type.STRING, default="{{ json . }}", doc="HTML template of the details.")
    info: LambdaValue | None = prop(Type.LAMBDA, doc="When the level is INFO.")
    warn: LambdaValue | None = prop(Type.LAMBDA, doc="When the level is WARNING.")
    crit: LambdaValue | None = prop(Type.LAMBDA, doc="When the level is CRITICAL.")
    info_reset: LambdaValue | None = prop(Type.LAMBDA, doc="What must hold too before INFO is left for a lower level.")
    warn_reset: LambdaValue | None = prop(Type.LAMBDA, doc="What must hold too before WARNING is left for a lower one.")
    crit_reset: LambdaValue | None = prop(
        Type.LAMBDA, doc="What must hold too before CRITICAL is left for a lower one."
    )
    flapping: tuple[float, float] | None = prop(
        Type.NUMBER, Type.NUMBER, doc="Shares of level changes below which it calms down and above which it flaps."
    )
    history: int = prop(Type.INT, default=21, doc="How many levels flapping looks back on; at least 2.")
    level_tag: str = prop(Type.STRING, default="", doc="A tag that gets the level.")
    level_field: str = prop(Type.STRING, default="", doc="A field that gets the level.")
    message_field: str = prop(Type.STRING, default="", doc="A field that gets the message.")
    duration_field: str = prop(Type.STRING, default="", doc="A field that gets the alert's duration in ns.")
    id_tag: str = prop(Type.STRING, default="", doc="A tag that gets the id.")
    id_field: str = prop(Type.STRING, default="", doc="A field that gets the id.")
    all: bool = flag(doc="A batch has its lowest level, not its highest: all its points must be so bad.")
    no_recoveries: bool = flag(doc="Send nothing when an alert is over.")
    state_changes_only: int | None = prop(
        Type.DURATION, optional=True, doc="Send only changes of level; with a duration the same level again after it."
    )
    topic: str = prop(Type.STRING, default="", doc="A topic to send to, besides the node's own handlers.")
    category: str = prop(Type.STRING, default="", doc="What the alerts are called by those that inhibit them.")
    inhibitors: list[tuple[str, ...]] = appending(
        Type.STRING,
        Type.STRING,
        name="inhibit",
        variadic=True,
        doc="A category of alerts that are not sent while this one is not OK, and the tags that must be equal then.",
    )
    handlers: list[HandlerUse] = field(default_factory=list)

    def passes(self) -> bool:
        return True

    def alters(self) -> frozenset[str]:
        return frozenset((self.level_tag, self.id_tag)) - {""}

    def parts_by(self, grouped: TagSet) -> TagSet:
        """Alerts of one id have to come in the order of their points: as far as the id tells groups apart."""
        named = tags_in_id(self.id)
        return grouped if named is None else grouped & TagSet.of(named)

    def needs_all_groups(self, wants: Edge) -> str:
        if self.category or self.inhibitors:
            return "what inhibits an alert has to be known before it"
        conditions = (self.info, self.warn, self.crit, self.info_reset, self.warn_reset, self.crit_reset)
        return "what its conditions remember is of all groups" if remembers(*conditions) else ""


class _New(NamedTuple):
    """A group's first point or batch: the id of its alert, its tags, and what caused it."""

    id: str
    tags: dict[str, str]
    origin: int


class AlertState(KeyedState):
    decisions: LevelDecisions = keyed_part(LevelDecisions)
    inhibiting: Inhibiting = keyed_part(Inhibiting)
    remembered: Remembered = keyed_part(Remembered)


class AlertNode(KeyedNode):
    """Raises an event for every point that is not OK, and for the point that makes its group OK again.

    Only points that raise an event go on, with the fields and tags asked for added; the event's own data is without
    those. Events go to the node's own (anonymous) topic if it has handlers, and to `topic` if it is set. A batch has
    the level of its worst point (with `all`: of its best), and goes on whole. A template that fails ends the task.

    An inhibited alert is neither handled nor known to its topic, and counts as alerts_inhibited; its point goes on. The
    recovery from an alert that was told before is told all the same.
    `inhibit` counts over all tasks, from the write (or the moment, for what the clock causes) on that triggered the
    alert, up to the one that made it OK, or until its task ends. An alert that comes to the bus before the one that
    inhibits it, as from a worker that is ahead of another, is not held back.
    """

    spec = NodeSpec(
        name="alert",
        type_name="AlertNode",
        properties=AlertProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
        takes_handlers=True,
        methods_type_name="AlertNodeData",
    )

    keeps = AlertState
    keyed: AlertState
    properties: AlertProperties

    def __init__(self, properties: AlertProperties, context: Context) -> None:
        super().__init__(properties, context)
        p = properties
        if p.flapping is not None and max(p.flapping) > 1:
            raise TaskFailed("alert flap thresholds are percentages and should be between 0 and 1")
        # what is done nowhere is told as the live task would do it
        replay = "" if context.environment.dry else context.environment.replay
        topics = topics_of(p, context.task, context.node, replay)
        for topic in topics:
            with no_name_too_long("topic"):
                alert_subject(topic)
        try:
            texts = (p.id, p.message, p.details)
            self._events = EventWriter(texts, not p.no_recoveries, p.category, topics, context)
        except TemplateError as e:
            raise TaskFailed(str(e)) from e
        pause = p.state_changes_only
        self._decisions = LevelDecisions(
            Policy(pause is not None, pause or 0, not p.no_recoveries, p.flapping, max(p.history, 2))
        )
        self._levels = LevelConditions(
            self._evaluators("", p.info, p.warn, p.crit),
            self._evaluators("Reset", p.info_reset, p.warn_reset, p.crit_reset),
            context.error,
        )
        self._inhibiting = Inhibiting(p.inhibitors, lambda local: self._groups.group(local), context)
        self._remembered = Remembered(topics, p.category, context)
        self.keyed = AlertState(
            context.table, decisions=self._decisions, inhibiting=self._inhibiting, remembered=self._remembered
        )
        self._groups = self.keyed.groups
        self._known = 0
        self._failed = False
        self._log = TASK_LOG.bind(task=context.task, node=context.node)
        for name in ("alerts_triggered", "oks_triggered", "infos_triggered", "warns_triggered", "crits_triggered"):
            context.statistics.more[name] = 0
        context.statistics.more["alerts_inhibited"] = 0

    def frame(self, frame: Frame) -> Sequence[Message]:
        if self._failed:
            return []
        by_group = frame.by_group()
        members = self._groups.members(frame).astype(np.int32)
        order = GroupOrder(by_group.order, by_group.starts, by_group.ends, members)
        fresh = self._fresh(order)
        try:
            new = [self._new_by_point(frame, row) for row in fresh]
        except TemplateError:
            id_of = partial(self._events.id_of_point, frame)
            return self._until_an_id_fails(fresh, id_of, lambda n: self.frame(frame.take(np.arange(n))))
        self._begin_new(new)
        level = self._levels.of_stream(frame.points, order, self._decisions.level)
        triggered, lasted = self._decisions.decide(level, frame.points.time, order)
        if self._inhibiting:
            rows = np.flatnonzero(triggered)
            group = self._groups.local(frame.group[rows])
            self._inhibiting.triggered(group, (level[rows] != OK).tolist(), frame.origin[rows])
        rows = (triggered & self._decisions.tells(level)).nonzero()[0]
        if not len(rows):
            return []
        first = np.isin(rows, fresh) if fresh else np.zeros(len(rows), dtype=np.bool_)

        def emit(of: slice) -> Message:
            chosen = rows[of]
            sent = frame if len(chosen) == len(frame) else frame.take(chosen)
            return self._emit_points(sent, level[chosen], lasted[chosen], first[of])

        return self._until_one_fails(emit, len(rows))

    def batches(self, batches: Batches) -> Sequence[Message]:
        if self._failed:
            return []
        local = self._groups.local(batches.group)
        groups, first = np.unique(local, return_index=True)
        fresh = first[groups >= self._known].tolist()
        try:
            new = [self._new_by_batch(batches, i) for i in fresh]
        except TemplateError:
            id_of = partial(self._events.id_of_batch, batches)
            return self._until_an_id_fails(fresh, id_of, lambda n: self.batches(batches.select(np.arange(n))))
        self._begin_new(new)
        found = [self._batch(batches, i, group) for i, group in enumerate(local.tolist())]
        triggered = [one for one in found if one is not None]
        which = np.array([one[0] for one in triggered], dtype=np.intp)
        level = np.array([one[2] for one in triggered], dtype=np.int8)
        if self._inhibiting:
            self._inhibiting.triggered(local[which], (level != OK).tolist(), batches.origin[which])
        chosen = [one for one, emit in zip(triggered, self._decisions.tells(level), strict=True) if emit]
        if not chosen:
            return []
        known = set(fresh)
        return self._until_one_fails(lambda of: self._emit_batches(batches, chosen[of], known), len(chosen))

    def barriers(self, barriers: Barriers) -> Sequence[Message]:
        if barriers.delete:
            if self._inhibiting:
                self._inhibiting.end(self._groups.known(barriers.group), barriers.origin)
            self.keyed.forget(barriers.group)
            self._known = len(self.keyed)
        return [barriers]

    def explain(self, group: int) -> dict[str, Any]:
        local = self.local_number(group)
        return {} if local is None else self._decisions.explain(local)

    def explain_point(self, point: Points, group: int) -> dict[str, Explained]:
        return self._levels.explain(point, self.context.step.now)

    def explain_silence(self, before: dict[str, Any], after: dict[str, Any]) -> str:
        return self._decisions.silence(before.get("level", LEVELS[OK]), after)

    def state(self) -> State:
        return {**super().state(), "levels": self._levels.state()}

    def restore(self, state: State) -> None:
        super().restore(state)
        self._known = len(self.keyed)
        self._levels.restore(state["levels"])

    @classmethod
    def split_state(cls, state: State, sharing: Partitioning) -> list[State]:
        _no_memories(state)
        return [{**one, "levels": state["levels"]} for one in super().split_state(state, sharing)]

    @classmethod
    def join_states(cls, states: Sequence[State], table: SeriesTable) -> State:
        for state in states:
            _no_memories(state)
        return {**super().join_states(states, table), "levels": states[0]["levels"]}

    def _evaluators(self, suffix: str, *conditions: LambdaValue | None) -> Mapping[int, Evaluator]:
        table, failure = self.context.table, "Failed to compile stateful expression for "
        names = [f"{level}{suffix}: " for level in ("info", "warn", "crit")]
        return {
            i: checked_evaluator(c, table, failure + name)
            for i, (c, name) in enumerate(zip(conditions, names, strict=True), 1)
            if c is not None
        }

    def _fresh(self, order: GroupOrder) -> list[int]:
        """The first rows of groups that have not been seen before, by local number."""
        if len(self._groups) == self._known:
            return []
        new = np.flatnonzero(order.groups >= self._known)
        return [int(order.order[order.starts[i]]) for i in new[np.argsort(order.groups[new])]]

    def _new_by_point(self, frame: Frame, row: int) -> _New:
        tags = self.context.table.series(int(frame.points.series[row])).tags if self._inhibiting else ()
        return _New(self._events.id_of_point(frame, row), dict(tags), int(frame.origin[row]))

    def _new_by_batch(self, batches: Batches, i: int) -> _New:
        tags = self.context.table.group(int(batches.group[i])).tags
        return _New(self._events.id_of_batch(batches, i), dict(tags), int(batches.origin[i]))

    def _begin_new(self, new: Sequence[_New]) -> None:
        """New groups, in the order of their local numbers, begin as their topic remembers the alert of that id."""
        if not new and len(self._groups) == self._known:
            return
        for group, one in zip(range(self._known, len(self._groups)), new, strict=False):
            level, time = self._remembered.begin(group, one.id, one.origin)
            if level != OK:
                self._decisions.begin(group, level, time)
            if self._inhibiting:
                self._inhibiting.begin(one.tags, level != OK, one.origin)
        self._remembered.tell()
        self._known = len(self._groups)

    def _batch(self, batches: Batches, i: int, group: int) -> tuple[int, int, int, int, int] | None:
        """(batch, its worst point's row, level, time, duration) if batch i triggers an alert."""
        lo, hi = int(batches.offsets[i]), int(batches.offsets[i + 1])
        if lo == hi:
            return None
        levels = self._levels.of_batch(batches.points.take(np.arange(lo, hi)), int(self._decisions.level[group]))
        worst = int(np.argmax(levels))
        level = int(levels.min()) if self.properties.all else int(levels[worst])
        whole = self.properties.all or level == OK
        time = int(batches.tmax[i]) if whole else int(batches.points.time[lo + worst])
        duration = self._decisions.batch(group, level, time)
        return None if duration is None else (i, lo + worst, level, time, duration)

    def _until_one_fails(self, emit: Callable[[slice], Message], count: int) -> list[Message]:
        """What comes of so many events; where a template fails on one, of those before it, and the task ends."""
        try:
            return [emit(slice(0, count))]
        except TemplateError:
            out: list[Message] = []
        for i in range(count):
            try:
                out.append(emit(slice(i, i + 1)))
            except TemplateError as e:
                self._fail(str(e))
                break
        return out

    def _until_an_id_fails(
        self, fresh: Sequence[int], id_of: Callable[[int], str], first: Callable[[int], Sequence[Message]]
    ) -> Sequence[Message]:
        """What comes of the points or batches before the one whose id cannot be rendered; then the task ends.

        fresh: those of new groups. first: has so many of them done.
        """
        self.keyed.keep(np.arange(self._known))
        out: Sequence[Message] = []
        for at in sorted(fresh):
            try:
                id_of(at)
            except TemplateError as e:
                out = first(at)
                self._fail(str(e))
                break
        return out

    def _fail(self, reason: str) -> None:
        """End the task after this step, and take in nothing more."""
        self._failed = True
        self.context.fail(reason)

    def _emit_points(self, sent: Frame, level: LevelArray, lasted: IntArray, fresh: NDArray[np.bool_]) -> Message:
        """Raise an event for each point, and give the points as they go on."""
        events = self._events.of_points(sent, level, lasted, fresh)
        self._count(events)
        self._tell(events)
        out = sent.with_points(self._augmented(sent.points, events, np.arange(len(sent))))
        return regrouped(out, self.context.table) if self._tags() else out

    def _emit_batches(
        self, batches: Batches, chosen: Sequence[tuple[int, int, int, int, int]], fresh: set[int]
    ) -> Message:
        """Raise an event for each batch that was chosen, and give these batches as they go on."""
        events = self._events.of_batches(batches, chosen, fresh)
        self._count(events)
        self._tell(events)
        out = batches.select(np.array([c[0] for c in chosen], dtype=np.intp))
        out = out.with_points(self._augmented(out.points, events, out.batch_of_points()))
        return self._retagged(out, events) if self._tags() else out

    def _retagged(self, out: Batches, events: Raised) -> Batches:
        """Batches whose own tags, those of their groups, have the level and the id added too."""
        table, p = self.context.table, self.properties
        ids, levels = events.id_texts(), events.level_names()
        groups = []
        for i, number in enumerate(out.group.tolist()):
            group = table.group(number)
            added = {p.level_tag: levels[i], p.id_tag: ids[i]}
            tags = dict(group.tags) | {name: value for name, value in added.items() if name}
            groups.append(table.group_number(Group(tuple(sorted(tags.items())), group.name, group.by_name)))
        of = np.array(groups, dtype=np.int32)
        return Batches(out.points, out.offsets, of, out.names, out.tmax, out.dimensions, out.origin)

    def _tags(self) -> bool:
        return bool(self.properties.level_tag or self.properties.id_tag)

    def _augmented(self, points: Points, events: Raised, event_of: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Points:
        """Points with the fields and tags that the script asks for; `event_of`: which event each point belongs to."""
        p = self.properties
        columns: dict[str, Column | None] = {}
        if p.level_field:
            columns[p.level_field] = _strings(events.level_names()[event_of])
        if p.message_field:
            columns[p.message_field] = _strings(events.message_texts()[event_of])
        if p.id_field:
            columns[p.id_field] = _strings(events.id_texts()[event_of])
        if p.duration_field:
            columns[p.duration_field] = Column(Kind.INT, events.duration[event_of])
        if columns:
            points = points.with_columns(columns)
        tags: dict[str, Column] = {}
        if p.level_tag:
            tags[p.level_tag] = _strings(events.level_names()[event_of])
        if p.id_tag:
            tags[p.id_tag] = _strings(events.id_texts()[event_of])
        if tags:
            points = points.with_series(with_tags(points.series, tags, self.context.table))
        return points

    def _count(self, events: Raised) -> None:
        more = self.context.statistics.more
        counts = np.bincount(events.level, minlength=CRITICAL + 1)
        more["alerts_triggered"] += len(events.level)
        for name, count in zip(("oks", "infos", "warns", "crits"), counts.tolist(), strict=True):
            more[f"{name}_triggered"] += count

    def _tell(self, events: Raised) -> None:
        """For those who watch the task."""
        if self._log.enabled("DEBUG") and not self.context.environment.dry:
            lines = zip(events.level_names(), events.id_texts(), events.message_texts(), strict=True)
            for level, id, message in lines:
                self._log.debug("alert triggered", level=level, id=id, event_message=message)


def topics_of(properties: AlertProperties, task: str, node: str, replay: str = "") -> tuple[str, ...]:
    """The topics that the node sends to: its own, if it has handlers, then the one that the script names.

    replay: the id of the replay that the task runs in, "" for the live task.
    """
    own = (f"{replay or 'main'}:{task}:{node}",) if properties.handlers else ()
    return (*own, properties.topic) if properties.topic else own


def _strings(values: np.ndarray[tuple[int], np.dtype[np.object_]]) -> Column:
    return Column(Kind.STRING, values)


def _no_memories(state: State) -> None:
    if any(memory for part in state["levels"].values() for memory in part.values()):
        raise NotByGroup("what the conditions of an alert remember is of all groups")
