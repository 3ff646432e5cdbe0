"""An expression ready to run: its plan for each combination of types that its references have had.

Programs have no state and know no table, so all tasks with the same expression share one.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from grammar.tickscript.ast import Expression
from services.columns.column import BoolArray, Kind
from services.columns.shared import Shared
from services.expressions.binding import TYPES
from services.expressions.functions import CLOCK, FUNCTIONS
from services.expressions.syntax import calls, fingerprint, references
from services.expressions.typed.resolve import resolve
from services.expressions.typed.scalar import Row, Run, scalar
from services.expressions.typed.terms import Fails, Term
from services.expressions.typed.types import KIND_OF_TYPE, Array, EvaluationFailed, ValueType, full
from services.expressions.typed.vector import Selection, Vector, vector

MOST_REASONS = 5
"""Of so many failed rows the reason is told. Finding it out costs, and the log is limited anyway."""

Signature = tuple[int, ...]
"""The type codes of an expression's references, in order."""


class Plan:
    """An expression for one combination of types."""

    __slots__ = ("_scalar", "_vector", "reason", "term", "type")

    def __init__(self, term: Term) -> None:
        self.term = term
        self.type: ValueType = term.type
        self.reason: str | None = term.reason if isinstance(term, Fails) else None
        self._scalar: Run | None = None
        self._vector: Vector | None = None

    @property
    def kind(self) -> Kind:
        """The kind of column that it gives."""
        return KIND_OF_TYPE[self.type]

    @property
    def doubtful(self) -> bool:
        """Whether rows can fail."""
        return self.vector.certain is None

    @property
    def scalar(self) -> Run:
        """The row evaluator."""
        if self._scalar is None:
            self._scalar = scalar(self.term)
        return self._scalar

    @property
    def vector(self) -> Vector:
        """The evaluator of whole columns; only of expressions without state."""
        if self._vector is None:
            self._vector = vector(self.term)
        return self._vector

    def run(self, rows: Selection) -> tuple[Array, BoolArray | None]:
        """The values over rows of these types, and which failed."""
        evaluator = self.vector
        if evaluator.noisy:
            with np.errstate(all="ignore"):
                values, failed = self._run(evaluator, rows)
        else:
            values, failed = self._run(evaluator, rows)
        if not isinstance(values, np.ndarray):
            values = full(self.type, values, rows.n)
        return values, failed

    @staticmethod
    def _run(evaluator: Vector, rows: Selection) -> tuple[Any, BoolArray | None]:
        if evaluator.certain is not None:
            return evaluator.certain(rows), None
        assert evaluator.doubtful is not None
        return evaluator.doubtful(rows)

    def reasons(self, rows: Selection, failed: BoolArray) -> list[str]:
        """Why the first few of the failed rows failed."""
        found = []
        for i in np.flatnonzero(failed)[:MOST_REASONS].tolist():
            try:
                self.scalar(Row([next(iter(values[i : i + 1].tolist()), None) for values in rows.values], rows.now))
            except EvaluationFailed as failure:
                found.append(str(failure))
        return found


class Program(Shared):
    """An expression and its plans."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self.references = references(expression)
        called = calls(expression)
        self.stateful = any(FUNCTIONS[name].stateful for name in called if name in FUNCTIONS)
        self.reads_clock = CLOCK in called
        self._plans: dict[Signature, Plan] = {}

    def plan(self, signature: Signature) -> Plan:
        """The plan for rows of these types."""
        plan = self._plans.get(signature)
        if plan is None:
            types = {name: TYPES[code] for name, code in zip(self.references, signature, strict=True)}
            plan = self._plans[signature] = Plan(resolve(self.expression, types))
        return plan


_PROGRAMS: WeakValueDictionary[Any, Program] = WeakValueDictionary()


def program_of(expression: Expression) -> Program:
    """The program of an expression, the same for equal ones."""
    key = fingerprint(expression)
    program = _PROGRAMS.get(key)
    if program is None:
        program = _PROGRAMS[key] = Program(expression)
    return program
