"""eval: compute fields (and tags) from those of each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.columns.column import BoolArray, Column, Kind, Value, column_of
from services.columns.frame import Batches, Frame, Message, Points
from services.columns.groups import grouped_view
from services.columns.groups.grouped_view import GroupedView
from services.columns.groups.grouping import regrouped
from services.columns.groups.keyed_state import KeyedState, keyed_part
from services.columns.groups.retag import with_tags
from services.expressions import Evaluator
from services.expressions.explained import Explained, explained
from services.expressions.tags import tags_of
from services.pipeline.column_pruning import references_of
from services.pipeline.spec import (
    Edge,
    LambdaValue,
    NodeSpec,
    Properties,
    Type,
    argument,
    maybe_several,
    several,
)
from services.runtime.context import Context
from services.runtime.grouping_node import GroupingNode
from services.runtime.keyed.keyed_node import KeyedNode
from services.runtime.lambdas import checked_evaluator


@dataclass
class EvalProperties(Properties):
    expressions: list[LambdaValue] = argument(Type.LAMBDA, variadic=True, doc="What to compute, in order.")
    as_: list[str] = several(Type.STRING, doc="The name of each result; as many as there are expressions.")
    tags: list[str] = several(Type.STRING, doc="Which results become tags; they must be strings.")
    keep: list[str] | None = maybe_several(Type.STRING, doc="Fields that stay: all where none is named.")

    def check(self) -> None:
        if len(self.as_) != len(self.expressions):
            raise ValueError(
                "must specify same number of expressions and .as() names: "
                f"got {len(self.as_)} as names, and {len(self.expressions)} expressions."
            )
        for tag in self.tags:
            if tag not in self.as_:
                raise ValueError(f'invalid tag name "{tag}", name is not present is .as() names')

    def reads(self) -> frozenset[str]:
        return references_of(*self.expressions) | frozenset(self.keep or ())

    def passes(self) -> bool:
        return self.keep is not None and not self.keep

    def alters(self) -> frozenset[str]:
        return frozenset(self.tags)


class Memories(KeyedState):
    expressions: list[Evaluator] = keyed_part(Evaluator, many=True)


class EvalNode(GroupingNode, KeyedNode):
    """Evaluates its expressions one after another; a later one may use the results of those before.

    A field of the point hides an earlier result of its name, unless it is null. A point for which an expression fails
    is dropped and counted as an error. Without `keep` only the results remain; results that become tags are no fields
    any more unless `keep` names them. What `keep` names and an expression refers to is kept as the expression sees it:
    a tag becomes a field as well, and what the point lacks a null. The groups of points are told anew where a tag has
    changed.
    """

    spec = NodeSpec(
        name="eval",
        type_name="EvalNode",
        properties=EvalProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=None,
        doc=__doc__ or "",
    )

    keeps = Memories
    keyed: Memories
    properties: EvalProperties

    def __init__(self, properties: EvalProperties, context: Context) -> None:
        super().__init__(properties, context)
        self._expressions = [
            checked_evaluator(e, context.table, f"Failed to compile {i} expression: ")
            for i, e in enumerate(properties.expressions)
        ]
        self._references = frozenset(name for e in self._expressions for name in e.references) - {"time"}
        self.keyed = Memories(context.table, expressions=self._expressions)

    def makes_groups(self) -> bool:
        return bool(self.properties.tags)

    def frame(self, frame: Frame) -> Sequence[Message]:
        out = self._eval(grouped_view.stream(frame, self.keyed.groups))
        if self.properties.tags and isinstance(out, Frame):
            return [regrouped(out, self.context.table)]
        return [out]

    def batches(self, batches: Batches) -> Sequence[Message]:
        return [self._eval(grouped_view.continuous(batches, self.keyed.groups))]

    def explain_point(self, point: Points, group: int) -> dict[str, Explained]:
        now, local = self.context.step.now, self.memory_number(group)
        found: dict[str, Explained] = {}
        earlier: dict[str, Column] = {}
        for expression, name in zip(self._expressions, self.properties.as_, strict=True):
            one = found[name] = explained(expression, point, local, now, earlier)
            if one.error:
                break
            earlier[name] = column_of([one.value])
        return found

    def _eval(self, through: GroupedView) -> Frame | Batches:
        points = through.points
        group = through.group if any(e.stateful for e in self._expressions) else None
        if not len(points):
            return through.source
        p = self.properties
        results: dict[str, Column | None] = {}
        alive: BoolArray | None = None
        for expression, name in zip(self._expressions, p.as_, strict=True):
            rows = None if alive is None else np.flatnonzero(alive)
            earlier = {n: c for n, c in results.items() if c is not None}
            result = expression.evaluate(points, group, self.context.step.now, rows, earlier)
            if result.failed is not None and result.failed.any():
                alive = self._without(through, alive, result.failed, result.reasons)
            results[name] = result.column
        self._hide(points, results)
        if p.tags:
            for name in p.tags:
                column = results[name]
                wrong = _not_strings(column, len(points))
                if wrong.any():
                    reason = "result of a tag expression must be of type string"
                    alive = self._without(through, alive, wrong, [reason])
        fields, missing = self._kept(points, results)
        if missing is not None and missing.any():
            alive = self._without(through, alive, missing, ["cannot keep a field that does not exist"])
        if p.tags:
            fields = fields.with_series(self._tagged(points, results, alive))
        return through.out(fields, alive)

    def _hide(self, points: Points, results: dict[str, Column | None]) -> None:
        """A result whose name a later expression refers to is hidden by the point's own field of that name."""
        for i, name in enumerate(self.properties.as_):
            own = points.column(name)
            if own is not None and any(name in e.references for e in self._expressions[i + 1 :]):
                results[name] = _first_of(own, results[name])

    def _without(
        self, through: GroupedView, alive: BoolArray | None, failed: BoolArray, reasons: Sequence[str]
    ) -> BoolArray:
        fresh = failed if alive is None else failed & alive
        if fresh.any() and not self.context.quiet:
            reason = reasons[0] if reasons else ""
            self.context.error("error evaluating expression: " + reason, int(fresh.sum()))
        return ~failed if alive is None else alive & ~failed

    def _kept(self, points: Points, results: dict[str, Column | None]) -> tuple[Points, BoolArray | None]:
        """The points with the fields that stay, and which rows lack one that `keep` names."""
        keep = self.properties.keep
        if keep is None:
            fields = {name: c for name, c in results.items() if name not in self.properties.tags}
            return Points(points.time, points.series, fields), None
        if not keep:
            return points.with_columns(results), None
        missing = np.zeros(len(points), dtype=np.bool_)
        chosen: dict[str, Column | None] = {}
        for name in keep:
            if name not in results and name in self._references:
                chosen[name] = self._referred(points, name)
                continue
            column = chosen[name] = results[name] if name in results else points.column(name)
            if column is None:
                missing[:] = True
            elif column.valid is not None:
                missing |= ~column.valid
        return Points(points.time, points.series, chosen), missing

    def _referred(self, points: Points, name: str) -> Column:
        """What the expressions know by this name: a field, else the tag, else a null."""
        own = points.column(name)
        if own is not None and own.valid is None:
            return own
        tag = tags_of(self.context.table).column(name)
        texts: list[Value | None] = [None] * len(points)
        if len(tag.texts):
            codes = tag.over(points.series).tolist()
            texts = [tag.texts[code] if code >= 0 else None for code in codes]
        fields = [None] * len(points) if own is None else own.tolist()
        values = [text if field is None else field for field, text in zip(fields, texts, strict=True)]
        if None not in values:
            return column_of(values)
        return Column(Kind.MIXED, np.fromiter(values, dtype=np.object_, count=len(values)))

    def _tagged(
        self, points: Points, results: dict[str, Column | None], alive: BoolArray | None
    ) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        values = {name: column for name in self.properties.tags if (column := results[name]) is not None}
        return with_tags(points.series, values, self.context.table, alive)


def _first_of(own: Column, result: Column | None) -> Column:
    known = own.known()
    if result is None or known.all():
        return own
    if own.kind is result.kind and own.kind is not Kind.MIXED:
        return Column(own.kind, np.where(known, own.values, result.values), None)
    pairs = zip(own.tolist(), result.tolist(), strict=True)
    return column_of([mine if mine is not None else computed for mine, computed in pairs])


def _not_strings(column: Column | None, n: int) -> BoolArray:
    if column is None:
        return np.ones(n, dtype=np.bool_)
    if column.kind is Kind.STRING:
        return ~column.mask()
    if column.kind is Kind.MIXED:
        return np.array([not isinstance(v, str) for v in column.tolist()], dtype=np.bool_)
    return np.ones(n, dtype=np.bool_)
