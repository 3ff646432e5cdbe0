"""The kernels of a worker, ready before it takes up tasks: the first of them would wait for them otherwise."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.kernels.compiled import Compiled, keep_compiled_in, prepare
from services.process import log as logs
from services.process.pools import Pool

log = logs.get("engine")

_BESIDE = "services.lineprotocol.reading"  # half of what there is to compile


async def prepare_kernels(folder: Path, kernels: Sequence[Compiled[..., Any]] | None = None) -> None:
    """Load them, or compile them where no process has yet, in a thread.

    folder: where they are kept if they cannot be beside their sources. kernels: None for all of the modules imported.
    """
    keep_compiled_in(folder)
    began = time.monotonic()
    compiled = False

    def compiling() -> None:
        nonlocal compiled
        compiled = True
        log.info("compiling kernels, this is the first start")

    await Pool("kernels", 1).run(prepare, kernels, compiling, _BESIDE if (os.cpu_count() or 1) > 1 else None)
    if compiled:
        log.info("kernels are compiled", seconds=round(time.monotonic() - began, 1))
