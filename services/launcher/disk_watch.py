"""The disks that everything is kept on: that there is room to start, what is said when it runs out, and going on."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from services.launcher.errors import CannotStart
from services.process import log
from services.store.disk_room import Room, room_in

_LOOK_SECONDS = 0.5
_SAID_AGAIN = 60.0
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0

_log = log.get("launcher")


class Disks:
    """The disks of some directories. One that cannot be asked counts as empty."""

    def __init__(self, directories: list[Path], keep_free: int) -> None:
        self._directories = directories
        self._keep_free = keep_free

    def rooms(self) -> list[Room]:
        """The room on each disk."""
        rooms: dict[int, Room] = {}
        for directory in self._directories:
            with contextlib.suppress(OSError):
                disk = directory.stat().st_dev
                if disk not in rooms:
                    rooms[disk] = room_in(directory, self._keep_free)
        return list(rooms.values())

    def full(self) -> bool:
        """Whether one is too full for anything to be started."""
        return any(room.out for room in self.rooms())

    def check(self) -> None:
        """Raises CannotStart where one is full."""
        for room in self.rooms():
            if room.out:
                raise CannotStart(str(room))


class DiskWatch:
    """Tells when the disks run full and when there is room again, and has NATS started anew where it needs that.

    NATS does not go on by itself after a write that failed; see ``stuck``.
    """

    def __init__(self, disks: Disks, restart: Callable[[], Awaitable[bool]], room_again: Callable[[], None]) -> None:
        self._disks = disks
        self._restart = restart
        self._room_again = room_again
        self._stuck = False
        self._delay = _FIRST_DELAY
        self._restarted = 0.0
        self._short: set[Path] = set()

    def stuck(self) -> None:
        """NATS has failed to write: it is to be started anew once that can help."""
        self._stuck = True

    async def run(self) -> None:
        """Watch, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._tell()
            if self._stuck and not self._disks.full() and time.monotonic() - self._restarted >= self._delay:
                await self._go_on()

    def _tell(self) -> None:
        for room in self._disks.rooms():
            if room.short:
                self._short.add(room.directory)
                limited = _log.limited(f"short {room.directory}", _SAID_AGAIN)
                limited.error("the disk is full, writes are refused until there is room", **_of(room))
            elif room.directory in self._short:
                self._short.discard(room.directory)
                _log.warn("the disk has room again", **_of(room))
                self._room_again()

    async def _go_on(self) -> None:
        """Where writing fails at once again, longer is waited with each time."""
        settled = time.monotonic() - self._restarted > 2 * _LONGEST_DELAY
        self._delay = _FIRST_DELAY if settled else min(2 * self._delay, _LONGEST_DELAY)
        self._restarted = time.monotonic()
        self._stuck = False
        if await self._restart():
            _log.warn("NATS could not write and took nothing more, it is started anew")


def _of(room: Room) -> dict[str, object]:
    return {"directory": room.directory, "free": room.free, "kept": room.kept}
