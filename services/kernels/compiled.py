"""Loops over rows that are compiled to machine code when they are first needed.

    @compiled("int64(int64[::1], int64)")
    def count_below(values, bound):
        found = 0
        for value in values:
            found += value < bound
        return found

Numba compiles it, and keeps the result on disk for the next process. Neither is touched before a kernel is called, or
`prepare` is: a process that runs none pays nothing for numba, which takes 65 MB and 0.3 s.

A kernel knows arrays, codes and numbers, and nothing else. Numba sees the change of a kernel's own file only, so a
kernel calls no other kernel but those of its file.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")

_FOLDER = "NUMBA_CACHE_DIR"
_lock = threading.RLock()
_all: list[Compiled[..., Any]] = []


class Compiled(Generic[P, R]):
    """A kernel. Called, it runs as compiled; the first call in a process loads it, or compiles it where it never was.

    function: the same in Python, for tests. Raises what numba raises where the arguments do not fit its signatures.
    """

    def __init__(self, function: Callable[P, R], signatures: Sequence[str]) -> None:
        self.function = function
        self.signatures = signatures
        functools.update_wrapper(self, function)
        self._call: Callable[P, R] = self._first

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(*args, **kwargs)

    def prepare(self) -> Any:
        """Load or compile it; numba's dispatcher."""
        with _lock:
            if self._call == self._first:
                self._call = _compile(cast(FunctionType, self.function), self.signatures)
        return self._call

    def _first(self, *args: P.args, **kwargs: P.kwargs) -> R:
        self.prepare()
        return self._call(*args, **kwargs)


def compiled(*signatures: str) -> Callable[[Callable[P, R]], Compiled[P, R]]:
    """Have a function compiled for these signatures, written as numba's types: ``"float64[::1](float64[::1], int64)"``.
    An array that must not be written to, such as one over bytes, is ``Array(uint8, 1, 'C', True)``."""

    def decorate(function: Callable[P, R]) -> Compiled[P, R]:
        kernel = Compiled(function, signatures)
        _all.append(kernel)
        return kernel

    return decorate


def prepare(kernels: Sequence[Compiled[..., Any]] | None = None) -> None:
    """Load or compile these kernels, or all of the modules imported so far. Where nothing is kept it takes seconds."""
    for kernel in _all if kernels is None else kernels:
        kernel.prepare()


def keep_compiled_in(folder: Path) -> None:
    """Where what was compiled is kept if it cannot be beside the source, as in an image that is read-only."""
    if not os.access(Path(__file__).parent, os.W_OK):
        os.environ.setdefault(_FOLDER, str(folder))


def _compile(function: FunctionType, signatures: Sequence[str]) -> Any:
    import numba

    inner = dict(_called(function))
    if inner:
        names = {**function.__globals__, **inner}
        own = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
        own.__module__, own.__qualname__ = function.__module__, function.__qualname__
        function = own
    dispatcher: Any
    try:
        dispatcher = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # there is no folder to keep it in
        dispatcher = numba.njit(nogil=True, error_model="numpy")(function)
    for signature in signatures:
        dispatcher.compile(signature)
    dispatcher.disable_compile()
    return dispatcher


def _called(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """The kernels of its file that a function calls, by name."""
    for name in function.__code__.co_names:
        found = function.__globals__.get(name)
        if isinstance(found, Compiled):
            yield name, found.prepare()
