"""Lambdas over columns: compiled once per expression and column types, evaluated over whole frames."""

from services.expressions.evaluation_result import EvaluationResult, Truth
from services.expressions.evaluator import Evaluator
from services.expressions.typed.types import ExpressionError

__all__ = ["EvaluationResult", "Evaluator", "ExpressionError", "Truth"]
