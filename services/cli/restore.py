"""``tickbus restore``: begin with a backup that ``GET /kapacitor/v1/storage/backup`` gave."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from schemas.config import Config
from services import log
from services.bus.connection import Bus
from services.bus.errors import BusError
from services.bus.link import Credentials
from services.launcher.directory import DataDirectory
from services.launcher.errors import CannotStart
from services.launcher.nats import nats_program
from services.launcher.process import Supervised


def restore(config: Config, file: Path) -> int:
    """Put everything of the backup into the NATS of the data directory, or into the NATS given; the exit code.

    Neither may have streams already, and no server may run on the data directory. `tickbus serve` then builds
    everything else from what was restored.
    """
    log.setup(config.logging.file, config.logging.level)
    try:
        names = asyncio.run(_restore(config, file))
    except (OSError, ValueError, BusError, CannotStart) as error:
        print(f"tickbus restore: {error}", file=sys.stderr)
        return 1
    print(f"restored {', '.join(names)}")
    return 0


async def _restore(config: Config, file: Path) -> list[str]:
    with file.open("rb") as backup:
        if config.nats.url:
            nats = config.nats
            credentials = Credentials(nats.username or None, nats.password or None)
            async with await Bus.connect(nats.url, "restore", credentials) as bus:
                return await bus.restore(backup)
        directory = DataDirectory(config.data_dir)
        program, url = nats_program(config)
        server = Supervised(program)
        try:
            await server.start()
            async with await Bus.connect(url, "restore") as bus:
                return await bus.restore(backup)
        finally:
            await server.stop()
            directory.close()
