"""Loops over rows that are compiled to machine code when they are first needed.

    @compiled("int64(int64[::1], int64)")
    def count_below(values, bound):
        found = 0
        for value in values:
            found += value < bound
        return found

Numba compiles it, and keeps the result on disk for the next process. Neither is touched before a kernel is called, or
`prepare` is: a process that runs none pays nothing for numba, which takes 65 MB and 0.3 s.

A kernel knows arrays, codes and numbers, and nothing else. It calls other kernels and primitives
(services.kernels.primitives); to hand on an array takes a few ns, so that small kernels take addresses.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar, cast

from services.kernels import primitives
from services.kernels.primitives import Primitive

P = ParamSpec("P")
R = TypeVar("R")

FOLDER = "NUMBA_CACHE_DIR"
"""Names where what is compiled is kept, where that is not beside the sources."""
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
        self.kept = True
        """Whether it was found compiled, once it is loaded."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._call(*args, **kwargs)

    def prepare(self) -> Any:
        """Load or compile it; numba's dispatcher."""
        with _lock:
            if self._call == self._first:
                self._call = dispatcher = _compile(cast(FunctionType, self.function), self.signatures)
                self.kept = not sum(dispatcher.stats.cache_misses.values())
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


def prepare(
    kernels: Sequence[Compiled[..., Any]] | None = None,
    compiling: Callable[[], None] = lambda: None,
    beside: Sequence[str] = (),
) -> None:
    """Load or compile these kernels, or all of the modules imported so far.

    Where nothing is kept it takes seconds: `compiling` is called once when the first was not found compiled; where it
    raises, the others are left alone. From then on another process compiles those of the modules `beside`, which come
    last: threads would wait for each other.
    """
    told, helper = False, None
    for kernel in sorted(_all if kernels is None else kernels, key=lambda kernel: kernel.function.__module__ in beside):
        its_turn = kernel.function.__module__ in beside
        if its_turn and helper is not None:
            helper.wait()
            helper = None
        kernel.prepare()
        if not told and not kernel.kept:
            told = True
            compiling()
            helper = None if not beside or its_turn else _helper(beside)
    import numpy.ma  # noqa: F401  # numba does when a kernel is called first, which is when points come


def kernels_of(modules: Sequence[str]) -> list[Compiled[..., Any]]:
    """Those of these modules, in this order, as far as they are imported."""
    return [kernel for module in modules for kernel in _all if kernel.function.__module__ == module]


def modules_of_kernels() -> list[str]:
    """The modules imported so far that have kernels."""
    return list(dict.fromkeys(kernel.function.__module__ for kernel in _all))


def compiling_program(modules: Sequence[str]) -> list[str]:
    """The command line of a process that compiles and keeps the kernels of some modules, or fails to: who needs them
    looks for them, and compiles the rest."""
    from_ = "from services.kernels.compiled import kernels_of, prepare"
    program = f"import {', '.join(modules)}; {from_}; prepare(kernels_of({list(modules)!r}))"
    return [sys.executable, "-P", "-c", program]


def _helper(modules: Sequence[str]) -> subprocess.Popen[bytes]:
    silent = subprocess.DEVNULL
    return subprocess.Popen(compiling_program(modules), stdin=silent, stdout=silent, stderr=silent)


def keep_compiled_in(folder: Path) -> None:
    """Where what was compiled is kept if it cannot be beside the source, as in an image that is read-only."""
    if not os.access(Path(__file__).parent, os.W_OK):
        os.environ.setdefault(FOLDER, str(folder))
        if "numba" in sys.modules:  # which has read it already
            sys.modules["numba"].config.reload_config()


def _compile(function: FunctionType, signatures: Sequence[str]) -> Any:
    """What cannot be kept, since there is no folder or no room for it, is compiled all the same; what is kept and
    cannot be read is written anew."""
    from numba import njit
    from numba.core.errors import NumbaError

    function = knowing(function)
    for keep in (True, True, False):
        try:
            dispatcher: Any = njit(cache=keep, nogil=True, error_model="numpy")(function)
        except RuntimeError:  # there is no folder
            continue
        try:
            for signature in signatures:
                _add(dispatcher, signature)
        except NumbaError:
            raise
        except Exception:  # the files may hold anything
            if not keep:
                raise
            _forget(dispatcher)
            continue
        break
    dispatcher.disable_compile()
    return dispatcher


def _add(dispatcher: Any, signature: str) -> None:
    before = len(dispatcher.overloads)
    try:
        dispatcher.compile(signature)
    except OSError:
        if len(dispatcher.overloads) == before:  # else it is there, and was not kept
            raise


def _forget(dispatcher: Any) -> None:
    """Have nothing kept of what was compiled of it."""
    with contextlib.suppress(OSError):
        dispatcher._cache.flush()


def knowing(function: FunctionType) -> FunctionType:
    """A function that finds what numba makes of the kernels and primitives that it calls under their names."""
    known = {name: found.prepare() for name, found in _called(function)}
    own = FunctionType(function.__code__, {**function.__globals__, **known}, function.__name__, function.__defaults__)
    own.__module__ = function.__module__
    # numba keeps what it compiles by this name, and sees itself whether the function's own file has changed
    own.__qualname__ = f"{function.__qualname__}_{version_of(function)}"
    return own


def _called(function: FunctionType) -> Iterator[tuple[str, Compiled[..., Any] | Primitive]]:
    for name in function.__code__.co_names:
        found = function.__globals__.get(name)
        if isinstance(found, Compiled | Primitive):
            yield name, found


def version_of(function: FunctionType) -> str:
    """Another one where a file has changed that holds something that the function calls, or what that calls."""
    files, left, seen = set[str](), [function], {function}
    while left:
        for _, called in _called(left.pop()):
            inner = None if isinstance(called, Primitive) else cast(FunctionType, called.function)
            files.add(primitives.__file__ if inner is None else inner.__code__.co_filename)
            if inner is not None and inner not in seen:
                seen.add(inner)
                left.append(inner)
    return hashlib.sha256(b"".join(map(digest_of, sorted(files)))).hexdigest()[:8]


@functools.cache
def digest_of(file: str) -> bytes:
    return hashlib.sha256(Path(file).read_bytes()).digest()
