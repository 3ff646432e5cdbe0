"""The kernels of a worker: those that most tasks need before it takes up tasks, the others meanwhile."""

from __future__ import annotations

import asyncio
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

# Half of what there is to compile at once: the rest of what all points go through, and what windows and alerts need.
_BESIDE = (
    "services.lineprotocol.reading",
    "services.columns.segments",
    "services.nodes.windowing.edges",
    "services.nodes.raising.deciding",
)
_FIRST = (
    "services.kernels.byte_strings",
    "services.kernels.tables",
    "services.lineprotocol.scanning",
    "services.lineprotocol.packing.unpacking",
    "services.lineprotocol.packing.fields",
    "services.columns.groups.ordering",
    "services.columns.frame",
    *_BESIDE,
)
_LESS_URGENT = 10  # of nice


class Kernels:
    """What is compiled of the modules imported, kept in `folder` where it cannot be beside their sources."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool = Pool("kernels", 1)
        self._others: asyncio.Task[None] | None = None

    async def prepare(self, first: Sequence[Compiled[..., Any]] | None = None) -> None:
        """Load all of them, in a thread. Where no process has compiled them yet, `first` are compiled, by default
        those that most tasks need; the others then in a process beside this one. Whoever calls one of them earlier
        waits until it is compiled, a second at most.
        """
        keep_compiled_in(self._folder)
        began = time.monotonic()
        compiled = False

        def compiling() -> None:
            nonlocal compiled
            compiled = True
            log.info("compiling kernels, this is the first start")

        beside = _BESIDE if (os.cpu_count() or 1) > 1 else ()
        await self._pool.run(prepare, kernels_of(_FIRST) if first is None else first, compiling, beside)
        if compiled:
            log.info("kernels are compiled", seconds=round(time.monotonic() - began, 1))
            self._others = asyncio.create_task(self._compile_others())
        else:
            await self._pool.run(prepare)

    async def close(self) -> None:
        """Compile no more."""
        if self._others is not None:
            self._others.cancel()
            await asyncio.gather(self._others, return_exceptions=True)

    async def _compile_others(self) -> None:
        command = compiling_program(modules_of_kernels())
        process = subprocess.Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, _LESS_URGENT)
            await self._pool.run(process.wait)
        finally:
            process.kill()
        await self._pool.run(prepare)
