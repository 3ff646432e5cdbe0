"""Lambdas over columns: compiled once per expression and column types, evaluated over whole frames."""

from services.engine.expressions.evaluator import Evaluator
from services.engine.expressions.results import Evaluated, Truth
from services.engine.expressions.types import ExpressionError

__all__ = ["Evaluated", "Evaluator", "ExpressionError", "Truth"]
