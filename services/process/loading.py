"""How modules are imported at a start: without the garbage collector, and so that a start can be called off."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
from collections.abc import Iterator
from types import FrameType

from services.process import log


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Import within this. What modules make is there to stay: the collector, which would go through it again and again,
    costs a tenth of a service's start."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextlib.contextmanager
def ending_when_asked(service: str) -> Iterator[None]:
    """Within this, SIGTERM and SIGINT end the process at once, with exit code 0: for what holds the event loop for
    seconds before anything has begun, where the loop would hear of a signal too late. On the main thread only."""

    def end(number: int, frame: FrameType | None) -> None:
        log.get(service).info("stopping")
        os._exit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
