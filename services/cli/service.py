"""How a service's process runs: logging, event loop, signals, the line that says it is ready, the exit code."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from schemas.config import Config
from services import log
from services.bus.errors import BusError
from services.cli import wiring
from services.launcher.leash import hold_leash
from services.store.errors import StoreError

Main = Callable[[Config, Callable[[], None], asyncio.Event], Awaitable[None]]

SERVICES: dict[str, Main] = {
    "gateway": wiring.gateway,
    "engine": wiring.engine,
    "alerting": wiring.alerting,
    "recorder": wiring.recorder,
}


def run_service(name: str, config: Config, main: Main | None = None) -> int:
    """Run one service until it is asked to stop; the process's exit code.

    ``main(config, ready, stop)`` is the service: it calls ``ready`` when it serves, and returns soon after ``stop``
    is set, having saved what it has to save. SIGTERM and SIGINT set ``stop``; a second one ends the process at once.
    Readiness is one line on standard output, for the launcher as for people: ``tickbus gateway ready``.
    """
    hold_leash(_kill_commands)
    _keep_freed_memory()
    log.setup(config.logging.file, config.logging.level)
    logger = log.get(name)
    try:
        if main is None:
            main = _with_agent(name, SERVICES[name])
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_run(name, config, main))
    except (StoreError, BusError) as error:
        logger.error("service failed", err=error)
        return 1
    except Exception as error:
        logger.exception("service failed", error)
        return 1


def _kill_commands() -> None:
    """End what alert handlers run, where this process has any."""
    if "services.alerting.command" in sys.modules:
        from services.alerting.command import kill_all

        kill_all()


def _with_agent(name: str, main: Main) -> Main:
    """The service, with its process answering on the bus what is asked about itself."""
    from services.cli.process.agent import Agent

    async def both(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        async with Agent(name, config):
            await main(config, ready, stop)

    return both


def _keep_freed_memory() -> None:
    """Let glibc keep what is freed for the next frame: given back after each, page faults double the cost of numpy."""
    trim_threshold, mmap_threshold = -1, -3
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(trim_threshold, 128 << 20)
        libc.mallopt(mmap_threshold, 32 << 20)


async def _run(name: str, config: Config, main: Main) -> int:
    logger = log.get(name)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def asked_to_stop() -> None:
        if stop.is_set():
            os._exit(1)
        logger.info("stopping")
        stop.set()

    def ready() -> None:
        logger.info("ready", pid=os.getpid())
        print(f"tickbus {name} ready", flush=True)

    def unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception):
            logger.exception(str(context["message"]), error)
        else:
            logger.error(str(context["message"]))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop)
    loop.set_exception_handler(unhandled)
    await main(config, ready, stop)
    if not stop.is_set():
        logger.error("service ended by itself")
        return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
