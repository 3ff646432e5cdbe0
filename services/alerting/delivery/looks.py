"""How often it is looked at what there is to do, while alerts or silences keep changing."""

from __future__ import annotations

import asyncio
import time

_SOONEST, _RAREST = 0.05, 2.0  # seconds between two looks
_SHARE = 4  # times as long as a look takes is what comes between


class Pacing:
    """One look is to begin; `rest` is waited for behind it, so that looking takes a part of the processor only."""

    def __init__(self) -> None:
        self._began = time.thread_time()

    async def rest(self) -> None:
        """Leave others their turn."""
        took = time.thread_time() - self._began
        await asyncio.sleep(min(_RAREST, max(_SOONEST, _SHARE * took)))
