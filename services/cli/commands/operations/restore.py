"""``tickbus restore``: begin with a backup that ``tickbus backup`` took."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.cli.go_flags import Command
from services.cli.options import Settings, takes_settings
from services.gateway.access.audit import operator
from services.launcher.data_directory import DataDirectory
from services.launcher.errors import CannotStart
from services.launcher.nats_server import nats_program
from services.launcher.supervised_process import SupervisedProcess
from services.process import log


@click.command(cls=Command)
@takes_settings("data-dir", "nats")
@click.argument("backup", type=click.Path(path_type=Path), metavar="FILE")
def command(settings: Settings, backup: Path) -> int:
    """Begin with a backup, in an empty data directory or a NATS without streams.

    FILE is what `tickbus backup`, or GET /kapacitor/v1/storage/backup, gave.
    """
    return restore(settings.config, backup)


def restore(config: Config, file: Path) -> int:
    """Put everything of the backup into the NATS of the data directory, or into the NATS given; the exit code.

    Neither may have streams already, and no server may run on the data directory. `tickbus serve` then builds
    everything else from what was restored.
    """
    try:
        log.setup(config.logging.file, config.logging.level, config.logging.audit_file, config.logging.format)
        names = asyncio.run(_restore(config, file))
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        print(f"tickbus restore: {named}", file=sys.stderr)
        return 1
    except (ValueError, BusError, CannotStart) as error:
        print(f"tickbus restore: {error}", file=sys.stderr)
        return 1
    operator("tickbus restore").wrote(f"restore {file}", streams=" ".join(names))
    print(f"restored {', '.join(names)}")
    return 0


async def _restore(config: Config, file: Path) -> list[str]:
    with file.open("rb") as backup:
        if config.nats.url:
            async with await Bus.of(config.nats, "restore") as bus:
                return await bus.restore(backup)
        directory = DataDirectory(config.data_dir)
        program, url = nats_program(config)
        server = SupervisedProcess(program)
        try:
            await server.start()
            async with await Bus.of(config.nats, "restore", url=url) as bus:
                return await bus.restore(backup)
        finally:
            await server.stop()
            directory.close()
