"""Large bodies are checked and packed by machine code, where that lies compiled or is worth compiling."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from subprocess import DEVNULL

from services.gateway.http.writing.packer import Packer
from services.kernels.compiled import Compiled, keep_compiled_in
from services.kernels.machine_code import keeping_program, load
from services.lineprotocol.packing.kernel import pack
from services.lineprotocol.packing.text import write_text
from services.process import log as logs
from services.process.pools import Pool

_AT_REST = 1.0  # s, until other services have started too
_WORTH_COMPILING = 32 << 20  # bytes checked
_LESS_URGENT = 10  # of nice
_log = logs.get("write")


async def compile_check(
    folder: Path, packer: Packer, at_rest: float = _AT_REST, worth_compiling: int = _WORTH_COMPILING
) -> None:
    """Give a packer its kernel after so many seconds; where no process has compiled it yet, have one do that once so
    many bytes have come. Where that fails, all goes on without. folder: for what cannot be kept beside the sources.
    The kernel for the other way, by which others make text of what is packed, is left beside it."""
    keep_compiled_in(folder)
    pool = Pool("kernels", 1)
    await asyncio.sleep(at_rest)
    try:
        found = await pool.run(load, pack)
        if found is None:
            await _come(packer, worth_compiling)
            if await pool.run(load, pack) is None:
                await _compile(pool, write_text)
                await _compile(pool, pack)
            found = await pool.run(load, pack)
    except Exception as e:
        _log.warn("lines are checked without a kernel", err=e)
        return
    if found is not None:
        packer.use(found)


async def _come(packer: Packer, count: int) -> None:
    enough = asyncio.Event()
    packer.after(count, enough.set)
    try:
        await enough.wait()
    finally:
        packer.never(enough.set)


async def _compile(pool: Pool, kernel: Compiled[..., int]) -> None:
    """In a process of its own: numba's compiler stays in the memory of whoever has used it."""
    process = subprocess.Popen(keeping_program(kernel), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        os.setpriority(os.PRIO_PROCESS, process.pid, _LESS_URGENT)
        await pool.run(process.wait)
    finally:
        process.kill()
