"""Functions for scripts under test: the examples, as real processes."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from schemas.config import UdfFunction
from services.nodes.udf_host.functions import ask
from services.pipeline.functions import FunctionSpec

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = Path(__file__).with_name("udf_examples")


def settings(example: str, *arguments: str, timeout: float = 10.0) -> UdfFunction:
    """How one of the examples is run."""
    args = (str(EXAMPLES / f"{example}.py"), *arguments)
    return UdfFunction(prog=sys.executable, args=args, env={"PYTHONPATH": str(ROOT)}, timeout=timeout)


@functools.cache
def function(name: str, example: str, *arguments: str, timeout: float = 10.0) -> FunctionSpec:
    """An example as a function of this name, asked for its options."""
    found = ask(name, settings(example, *arguments, timeout=timeout))
    assert not found.problem, found.problem
    return found
