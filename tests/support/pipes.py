"""What commands of a test can say things by: a named pipe, which the test reads without a thread that could hang."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


class Pipe:
    """Made under this path. Nobody who writes to it has to wait."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    async def said(self, timeout: float = 30.0) -> str:
        """What was written since, as soon as there is something."""
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        loop.add_reader(self._fd, came.set)
        try:
            async with asyncio.timeout(timeout):
                await came.wait()
            return os.read(self._fd, 1000).decode().strip()
        finally:
            loop.remove_reader(self._fd)

    def say(self, text: str) -> None:
        """Write something, to be read by somebody else."""
        os.write(self._fd, text.encode())

    def close(self) -> None:
        os.close(self._fd)
