"""Bodies are checked, and packed, by machine code as soon as that is worth it: it takes some memory."""

from __future__ import annotations

import asyncio
import functools
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from services.kernels.compiled import Compiled, keep_compiled_in
from services.kernels.machine_code import keeping_program, load
from services.lineprotocol.checking import plain_lines
from services.lineprotocol.packing.kernel import pack
from services.lineprotocol.packing.packing import Kernel
from services.lineprotocol.packing.text import write_text
from services.lineprotocol.validate import CHECKING
from services.process import log as logs
from services.process.pools import Pool

_WORTH_LOADING, _WORTH_COMPILING = 1 << 20, 32 << 20  # bytes checked
_LESS_URGENT = 10  # of nice
_log = logs.get("write")


async def compile_check(
    folder: Path,
    packs_with: Callable[[Kernel], None] | None = None,
    worth_loading: int = _WORTH_LOADING,
    worth_compiling: int = _WORTH_COMPILING,
) -> None:
    """Load the kernels once so many bytes were checked; where no process has compiled them yet, have one do that once
    so many more were. Where that fails, all goes on without. folder: for what cannot be kept beside the sources.
    packs_with: is given the kernel that packs, None: none is wanted."""
    keep_compiled_in(folder)
    pool = Pool("kernels", 1)
    kernels: list[tuple[Compiled[..., int], Callable[[Any], None]]] = [(plain_lines, _check_with)]
    if packs_with is not None:
        kernels += [(pack, packs_with), (write_text, lambda kernel: None)]
    await _checked(worth_loading)
    try:
        missing = []
        for kernel, use in kernels:
            if (found := await pool.run(load, kernel)) is None:
                missing.append((kernel, use))
            else:
                use(found)
        if not missing:
            return
        await _checked(worth_compiling)
        for kernel, use in missing:
            await _compile(pool, kernel)
            if (found := await pool.run(load, kernel)) is not None:
                use(found)
    except Exception as e:
        _log.warn("lines are checked without a kernel", err=e)


def _check_with(kernel: Callable[..., int]) -> None:
    CHECKING.plain_lines = kernel


async def _checked(count: int) -> None:
    loop, enough = asyncio.get_running_loop(), asyncio.Event()
    then = functools.partial(loop.call_soon_threadsafe, enough.set)
    CHECKING.after(count, then)
    try:
        await enough.wait()
    finally:
        CHECKING.never(then)


async def _compile(pool: Pool, kernel: Compiled[..., int]) -> None:
    """In a process of its own: numba's compiler stays in the memory of whoever has used it."""
    process = subprocess.Popen(keeping_program(kernel), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        os.setpriority(os.PRIO_PROCESS, process.pid, _LESS_URGENT)
        await pool.run(process.wait)
    finally:
        process.kill()
