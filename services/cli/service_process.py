"""How a service's process runs: logging, event loop, signals, the line that says it is ready, the exit code."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from schemas.config import Config
from services.bus.account.settings import wishes_of
from services.bus.connection import Bus
from services.bus.errors import ApiError, BusError, BusUnavailable, Unusable
from services.cli import composition
from services.cli.diagnostics.post_mortem import Before, begin
from services.cli.errors import MistakenCall
from services.cli.freed_memory import give_back_in_pauses, keep_freed_memory
from services.launcher.parent_watch import PARENT_PIPE, end_with_parent
from services.process import log
from services.process.child_environment import keep_open_files
from services.process.listening import CannotListen
from services.process.vitals import Vitals
from services.store.errors import StoreError, StoreInUse

_LOOP_THREADS = "32"
_STORING_SECONDS, _STORING_PAUSE = 30.0, 0.5  # how long a service waits at its start for NATS to store
_UNAVAILABLE = 503
_STOP_BY_THEMSELVES = frozenset({"engine"})  # also before they serve: there are states to be saved

Main = Callable[[Config, Callable[[], None], asyncio.Event], Awaitable[None]]
Service = Callable[[Config, Callable[[], None], asyncio.Event, Vitals], Awaitable[None]]

SERVICES: dict[str, Service] = {
    "gateway": composition.gateway,
    "engine": composition.engine,
    "alerting": composition.alerting,
    "recorder": composition.recorder,
}


def run_service(name: str, config: Config, main: Main | None = None, warnings: Sequence[str] = ()) -> int:
    """Run one service until it is asked to stop; the process's exit code. warnings: to be logged first.

    ``main(config, ready, stop)`` is the service: it calls ``ready`` when it serves, and returns soon after ``stop``
    is set, having saved what it has to save. SIGTERM and SIGINT set ``stop``; a second one ends the process at once.
    Readiness is one line on standard output, for the launcher as for people: ``tickbus gateway ready``.
    """
    end_with_parent(_kill_commands)
    keep_open_files()
    keep_freed_memory()
    try:
        log.setup(config.logging.file, config.logging.level, config.logging.audit_file, config.logging.format)
    except OSError as error:
        print(f"tickbus {name}: {error}", file=sys.stderr)
        return 1
    logger = log.get(name)
    for warning in warnings:
        log.get("config").warn(warning)
    watchdog, before = begin(name, config)
    vitals = Vitals(name)
    try:
        if main is None:
            main = _with_agent(name, SERVICES[name], before, vitals)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            watchdog.start(runner.get_loop())
            return runner.run(_run(name, config, main, vitals))
    except StoreInUse:
        logger.error("service failed", err=_taken(name, config))
        return 1
    except (StoreError, BusError, CannotListen) as error:
        logger.error("service failed", err=error)
        return 1
    except Exception as error:
        logger.exception("service failed", error)
        return 1
    finally:
        watchdog.stop()


def run_command(name: str, config: Config) -> int:
    """Run the service that the command line names; the exit code. Raises MistakenCall where no NATS is named."""
    if not config.nats.url:
        raise MistakenCall(f"tickbus {name}: needs a NATS: --nats URL, or url in [nats] of the configuration")
    launched = PARENT_PIPE in os.environ  # serve has said what its services would repeat
    return run_service(name, config, warnings=() if launched else config.warnings)


def _taken(name: str, config: Config) -> str:
    if name == "engine":
        where = f"the name {config.engine.id} in the data directory {config.data_dir}"
        return f"another engine worker has {where}, each needs one of its own (--id, --data-dir)"
    where = f"the data directory {config.data_dir}"
    return f"another {name} service has {where}, each needs one of its own (--data-dir)"


def _kill_commands() -> None:
    """End what alert handlers run, where this process has any."""
    if "services.alerting.transports.command" in sys.modules:
        from services.alerting.transports.command import kill_all

        kill_all()


def _with_agent(name: str, service: Service, before: Before, vitals: Vitals) -> Main:
    """The service, with its process answering on the bus what is asked about itself, once it is told there what the
    one before ended in; and telling of its health from the first."""
    from services.cli.diagnostics.agent import DiagnosticsAgent
    from services.cli.diagnostics.health_endpoint import HealthEndpoint

    async def main(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        await service(config, ready, stop, vitals)

    async def both(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
        address = config.service.health_address
        with HealthEndpoint(address, vitals) if address else contextlib.nullcontext():
            async with DiagnosticsAgent(name, config, vitals) as agent:
                await _look(agent.bus, config)
                await before.tell(agent.bus, name, config)
                await _begin(name, main, config, ready, stop)

    return both


async def _look(bus: Bus, config: Config) -> None:
    """Raises Unusable where what lies on this NATS is somebody else's or is not permitted, before anything is made."""
    try:
        await bus.survey(wishes_of(config.nats))
    except Unusable:
        raise
    except (BusUnavailable, ApiError) as error:
        log.get("bus").warn("what lies on NATS cannot be looked at yet", err=error)


async def _begin(name: str, main: Main, config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Run a service, from the beginning again where NATS is reached and does not store yet: a cluster that has just
    started, or lost a server, first agrees on who leads each stream. One that is asked to stop while it still reads
    the log, which may be long, is cancelled.
    """
    serves = False

    def served() -> None:
        nonlocal serves
        serves = True
        ready()

    async def work() -> None:
        working = asyncio.ensure_future(main(config, served, stop))
        if name not in _STOP_BY_THEMSELVES:
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not working.done() and not serves:
                working.cancel()
                await asyncio.wait({working})
                return
        await working

    deadline = time.monotonic() + _STORING_SECONDS
    while True:
        try:
            return await work()
        except (BusUnavailable, ApiError) as error:
            passes = isinstance(error, BusUnavailable) or error.code == _UNAVAILABLE
            passes = passes and not isinstance(error, Unusable)
            if serves or stop.is_set() or not passes or time.monotonic() > deadline:
                raise
            log.get(name).warn("NATS does not store yet, trying again", err=error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STORING_PAUSE):
                await stop.wait()


async def _run(name: str, config: Config, main: Main, vitals: Vitals) -> int:
    logger = log.get(name)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def asked_to_stop() -> None:
        if stop.is_set():
            os._exit(1)
        logger.info("stopping")
        vitals.ends()
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
    loop.add_signal_handler(signal.SIGHUP, log.reopen)
    loop.set_exception_handler(unhandled)
    giving_back = loop.create_task(give_back_in_pauses())
    try:
        await main(config, ready, stop)
    finally:
        giving_back.cancel()
    if not stop.is_set():
        logger.error("service ended by itself")
        return 1
    return 0


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    # names are looked up in the loop's own threads, of which half may wait for a server that does not answer
    os.environ.setdefault("UV_THREADPOOL_SIZE", _LOOP_THREADS)
    import uvloop

    return uvloop.new_event_loop
