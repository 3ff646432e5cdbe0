"""A lambda over points: the part of expressions that the rest of the engine sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grammar.tickscript.ast import Expression
from services.columns.column import Column, IntArray, Kind, Rows
from services.columns.frame import Points
from services.columns.groups.keyed_state import KeyedPart
from services.columns.groups.series import SeriesTable
from services.expressions import syntax
from services.expressions.binding import CODE_OF_KIND, TIME, bind
from services.expressions.evaluation_result import EvaluationResult, Truth, condition, scattered, spread
from services.expressions.execution import by_column, row_by_row
from services.expressions.memory import Memory, join, take
from services.expressions.program import program_of
from services.expressions.tags import TagColumn, tags_of
from services.expressions.typed.vector import Selection

_NOTHING: Mapping[str, Column] = {}


class Evaluator(KeyedPart):
    """One lambda of one node: compiled, with the state of its stateful functions.

    Rows fail where a field is missing, types do not go together, an int is divided by zero or a conversion is
    impossible; the reasons are in Kapacitor's words. Unlike there, a failed row leaves no trace on those after it.
    """

    def __init__(self, expression: Expression, table: SeriesTable) -> None:
        self._program = program_of(expression)
        self._expression = expression
        self._table = table
        self._tags = tags_of(table)
        self._memory = Memory()

    @property
    def expression(self) -> Expression:
        """The lambda's syntax tree."""
        return self._expression

    @property
    def table(self) -> SeriesTable:
        """Where series and groups have their numbers."""
        return self._table

    @property
    def references(self) -> tuple[str, ...]:
        """The names that the lambda refers to, in order of appearance; "time" among them if it does."""
        return self._program.references

    @property
    def stateful(self) -> bool:
        """Whether it calls count(), sigma() or spread(), so that it must see each row once and in order."""
        return self._program.stateful

    def check(self) -> None:
        """Raise ExpressionError, in Kapacitor's words, for what is wrong whatever the data: `1 + 'a'`."""
        syntax.check(self._expression)

    def evaluate(
        self,
        points: Points,
        group: IntArray | None = None,
        now: int = 0,
        rows: Rows | None = None,
        earlier: Mapping[str, Column] = _NOTHING,
    ) -> EvaluationResult:
        """The lambda over points.

        group: int64[n], the node's own dense group numbers, for stateful functions; None: one state for all rows.
        now: what now() gives, ns. rows: evaluate only these (indexes, ascending).
        earlier: results that stand in where a row has neither field nor tag of their name. Rows in which one of
        them failed must be left out by `rows`.
        """
        program = self._program
        if program.stateful or program.reads_clock or rows is not None or earlier:
            return self._evaluate(points, group, now, rows, earlier)
        return points.memo(program, lambda: self._evaluate(points, None, 0, None, _NOTHING))

    def truth(self, points: Points, group: IntArray | None = None, now: int = 0, rows: Rows | None = None) -> Truth:
        """The lambda as a condition over points, arguments as in `evaluate`; a row in which it is no boolean fails."""
        result = self.evaluate(points, group, now, rows)
        if result.failed is None and result.column is not None and result.column.kind is Kind.BOOL:
            return Truth(result.column.values)
        if rows is None:
            return condition(result, len(points))
        column = None if result.column is None else result.column.take(rows)
        failed = None if result.failed is None else result.failed[rows]
        part = condition(EvaluationResult(column, failed, result.reasons), len(rows))
        failed = None if part.failed is None else scattered(part.failed, rows, len(points))
        return Truth(scattered(part.true, rows, len(points)), failed, part.reasons)

    def state(self) -> dict[str, Any]:
        """The state of the stateful functions as plain data, by function and group number."""
        return self._memory.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` gave."""
        self._memory.restore(state)

    def keep(self, groups: Rows) -> None:
        """Forget all groups but these; groups[i] becomes i."""
        self._memory.keep(groups.tolist())

    def explain(self, group: int) -> dict[str, Any]:
        return {
            name: np.asarray(kept["numbers"])[np.asarray(kept["groups"]) == group].ravel().tolist()
            for name, kept in self._memory.state().items()
            if group in np.asarray(kept["groups"])
        }

    @classmethod
    def take(cls, state: Mapping[str, Any], left: Rows, table: SeriesTable) -> dict[str, Any]:
        return take(state, left)

    @classmethod
    def join(cls, states: Sequence[Mapping[str, Any]], sizes: Sequence[int], table: SeriesTable) -> dict[str, Any]:
        return join(states, sizes)

    def _evaluate(
        self, points: Points, group: IntArray | None, now: int, rows: Rows | None, earlier: Mapping[str, Column]
    ) -> EvaluationResult:
        program, n = self._program, len(points)
        if rows is None and not earlier and not program.stateful:
            whole = self._whole(points, now)
            if whole is not None:
                return whole
        names = program.references
        bindings = [bind(name, points, self._tag(name), earlier.get(name)) for name in names]
        if rows is not None:
            bindings, n = [binding.take(rows) for binding in bindings], len(rows)
            group = None if group is None else group[rows]
        if program.stateful:
            result = row_by_row(program, bindings, n, now, group, self._memory)
        else:
            result = by_column(program, bindings, n, now)
        return result if rows is None else spread(result, rows, len(points))

    def _whole(self, points: Points, now: int) -> EvaluationResult | None:
        """The common case, without detours: fields that every row has, each of one type, and no tag of their name."""
        signature, arrays = [], []
        for name in self._program.references:
            column = points.column(name)
            if column is None or column.valid is not None or column.kind is Kind.MIXED:
                return None
            if name == TIME or len(self._tag(name).texts):
                return None
            signature.append(CODE_OF_KIND[column.kind])
            arrays.append(column.values)
        plan = self._program.plan(tuple(signature))
        if plan.doubtful:
            return None
        return EvaluationResult(Column(plan.kind, plan.run(Selection(arrays, len(points), now))[0]))

    def _tag(self, name: str) -> TagColumn:
        return self._tags.column(name)
