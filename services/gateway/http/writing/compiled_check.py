"""Bodies are checked by machine code where that lies compiled, or is worth compiling: it takes a third of the time."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
from pathlib import Path
from subprocess import DEVNULL

from services.kernels.compiled import keep_compiled_in
from services.kernels.machine_code import keeping_program, load
from services.lineprotocol.checking import plain_lines
from services.lineprotocol.validate import CHECKING
from services.process import log as logs
from services.process.pools import Pool

_AT_REST = 1.0  # s, until other services have started too
_WORTH_COMPILING = 32 << 20  # bytes checked
_LESS_URGENT = 10  # of nice
_log = logs.get("write")


async def compile_check(folder: Path, at_rest: float = _AT_REST, worth_compiling: int = _WORTH_COMPILING) -> None:
    """Load the kernel after so many seconds; where no process has compiled it yet, have one do that once so many bytes
    were checked. Where that fails, all goes on without. folder: for what cannot be kept beside the sources."""
    keep_compiled_in(folder)
    pool = Pool("kernels", 1)
    await asyncio.sleep(at_rest)
    try:
        found = await pool.run(load, plain_lines)
        if found is None:
            await _checked(worth_compiling)
            if await pool.run(load, plain_lines) is None:
                await _compile(pool)
            found = await pool.run(load, plain_lines)
    except Exception as e:
        _log.warn("lines are checked without a kernel", err=e)
        return
    CHECKING.plain_lines = found


async def _checked(count: int) -> None:
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    then = functools.partial(loop.call_soon_threadsafe, enough.set)
    CHECKING.after(count, then)
    try:
        await enough.wait()
    finally:
        CHECKING.never(then)


async def _compile(pool: Pool) -> None:
    """In a process of its own: numba's compiler stays in the memory of whoever has used it."""
    process = subprocess.Popen(keeping_program(plain_lines), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        os.setpriority(os.PRIO_PROCESS, process.pid, _LESS_URGENT)
        await pool.run(process.wait)
    finally:
        process.kill()
