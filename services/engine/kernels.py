"""The kernels of a worker: those that all points go through before it takes up tasks, the others meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from services.kernels.compiled import (
    Compiled,
    compiling_program,
    keep_compiled_in,
    kernels_of,
    modules_of_kernels,
    prepare,
)
from services.process import log as logs
from services.process.pools import Pool

log = logs.get("engine")

_BESIDE = ("services.lineprotocol.reading",)  # half of what there is to compile at once
_EVERY_POINT = (
    "services.kernels.byte_strings",
    "services.kernels.tables",
    "services.lineprotocol.scanning",
    "services.columns.groups.ordering",
    "services.columns.frame",
    *_BESIDE,
)
# Of the others, what most tasks need, and all that are written to in earnest.
_SOON = (
    "services.columns.segments",
    "services.nodes.windowing.edges",
    "services.nodes.raising.deciding",
    "services.lineprotocol.packing.parts",
    "services.lineprotocol.packing.unpacking",
    "services.lineprotocol.packing.fields",
)
_LESS_URGENT = 10  # of nice


class _NotKept(Exception):
    """A kernel was not found compiled: the process that began with them has ended before it came to it."""


def _give_up() -> None:
    raise _NotKept


class Kernels:
    """What is compiled of the modules imported, kept in `folder` where it cannot be beside their sources."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = Pool("kernels", 1)
        self._others: asyncio.Task[None] | None = None

    async def prepare(self, first: Sequence[Compiled[..., Any]] | None = None) -> None:
        """Load all of them, in a thread. Where no process has compiled them yet, `first` are compiled, by default
        those that all points go through; the others then in a process beside this one. Whoever calls one of them
        earlier waits until it is compiled.
        """
        keep_compiled_in(self._folder)
        began = time.monotonic()
        compiled = False

        def compiling() -> None:
            nonlocal compiled
            compiled = True
            log.info("compiling kernels, this is the first start")

        beside = _BESIDE if (os.cpu_count() or 1) > 1 else ()
        await self._pool.run(prepare, kernels_of(_EVERY_POINT) if first is None else first, compiling, beside)
        if compiled:
            log.info("kernels are compiled", seconds=round(time.monotonic() - began, 1))
        else:
            with contextlib.suppress(_NotKept):
                await self._pool.run(prepare, None, _give_up)
                return
        self._others = asyncio.create_task(self._compile_others())

    async def close(self) -> None:
        """Compile no more."""
        if self._others is not None:
            self._others.cancel()
            await asyncio.gather(self._others, return_exceptions=True)

    async def _compile_others(self) -> None:
        modules = modules_of_kernels()
        command = compiling_program(sorted(modules, key=lambda name: name not in _SOON))
        process = subprocess.Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, _LESS_URGENT)
            await self._pool.run(process.wait)
        finally:
            process.kill()
        await self._pool.run(prepare)
