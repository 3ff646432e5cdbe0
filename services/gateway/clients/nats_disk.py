"""Whether the disk has room for what is to be stored, as far as this gateway can see the disk that NATS writes to."""

from __future__ import annotations

import time
from pathlib import Path

from schemas.config import Config
from services.bus.connection import Bus
from services.store.disk_room import Room, room_in

_LOOK_SECONDS = 0.25


class NatsDisk:
    """The disk of the NATS that `tickbus serve` has started here; of any other NATS nothing is known.

    It is looked at so often at most. What is on its way and what goes out in between is counted: a burst must not
    fill it unseen.
    """

    def __init__(self, config: Config, bus: Bus) -> None:
        self._bus = bus
        self._directory = Path(config.nats.store_dir) if config.nats.store_dir else None
        self._keep_free = config.storage.keep_free
        self._room: Room | None = None
        self._looked = -_LOOK_SECONDS
        self._written = 0

    def refuses_data(self, size: int) -> str:
        """Why so many bytes of data cannot be stored, "" where they can."""
        room = self._look()
        if room is not None and room.free - self._written - size < room.kept:
            room = self._look(now=True)
            if room is not None and room.free - self._written - size < room.kept:
                return str(room)
        self._written += size
        return ""

    def refuses_changes(self) -> str:
        """Why not even what is small can be stored, "" where it can."""
        room = self._look()
        return str(room) if room is not None and room.out else ""

    def _look(self, now: bool = False) -> Room | None:
        at = time.monotonic()
        if self._directory is not None and (now or at - self._looked >= _LOOK_SECONDS):
            self._looked, self._written = at, self._bus.in_flight_bytes
            try:
                self._room = room_in(self._directory, self._keep_free)
            except OSError:
                self._room = None  # it is on another machine, or its disk cannot be asked
        return self._room
