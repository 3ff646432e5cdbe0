"""``tickbus serve``: run the launcher until a signal."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import click

from schemas.config import Config
from services.cli.composition import forked_services
from services.cli.freed_memory import give_back_code
from services.cli.go_flags import Command
from services.cli.options import SERVICE_OPTIONS, Settings, takes_settings
from services.launcher.errors import CannotStart
from services.launcher.forking import Template
from services.launcher.launcher import Launcher, Programs, service_programs, worker_count
from services.process import log
from services.process.pools import Pool

Meanwhile = Callable[[Launcher, asyncio.Event], Awaitable[None]]


@click.command(cls=Command)
@takes_settings("http", "data-dir", "workers", "nats", *SERVICE_OPTIONS)
def command(settings: Settings) -> int:
    with forked_services() as template:
        return serve(settings.config, service_programs(settings.file), template=template)


def serve(
    config: Config, programs: Programs, meanwhile: Meanwhile | None = None, template: Template | None = None
) -> int:
    """Start everything, print one line when it is ready, stop it on SIGTERM or SIGINT; the exit code.

    ``meanwhile(launcher, stop)`` runs while the services do, instead of the line; they are stopped when it returns,
    which it should do when ``stop`` is set. ``template`` is what services are forked off, if anything. SIGHUP is passed
    on to the services; with ``meanwhile`` it ends everything.
    """
    try:
        log.setup(config.logging.file, config.logging.level, form=config.logging.format)
        for warning in config.warnings:
            log.get("config").warn(warning)
        return asyncio.run(_serve(Launcher(config, programs, template), meanwhile or _say_ready))
    except (CannotStart, OSError) as error:
        print(f"tickbus: {error}", file=sys.stderr)
        return 1


async def _serve(launcher: Launcher, meanwhile: Meanwhile) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, launcher.hang_up if meanwhile is _say_ready else stop.set)
    try:
        if await _unless(stop, launcher.start()):
            await Pool("memory", 1).run(give_back_code)
            await meanwhile(launcher, stop)
        return 0
    finally:
        await launcher.stop()


async def _unless(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Whether the work came to its end before ``stop`` was set; cancelled if not. What it raises is raised."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        working.result()
        return True
    working.cancel()
    await asyncio.wait([working])
    return False


async def _say_ready(launcher: Launcher, stop: asyncio.Event) -> None:
    workers = worker_count(launcher.config)
    print(
        f"tickbus ready on {launcher.http_url} (process {os.getpid()}, {workers} engine worker{'s'[: workers > 1]}, "
        f"data in {launcher.config.data_dir})",
        flush=True,
    )
    await stop.wait()
