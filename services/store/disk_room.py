"""How much room there is on a disk.

What comes in from outside stops while some room is left, so that what has to go on (leases, states, events about what
runs) does: LMDB only fails and can be tried again, but a stream of NATS that has once failed to write takes nothing
more until NATS is started anew.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_MOST = 10  # at most a tenth of the disk is kept free
_LEAST = 1 << 20
_LAST = 4  # with less than a quarter of what is kept free nothing is begun any more


@dataclass(frozen=True, slots=True)
class Room:
    """The room on the disk of a directory, in bytes. free: for this user. kept: below this, nothing is taken in."""

    directory: Path
    free: int
    kept: int

    @property
    def short(self) -> bool:
        """Whether data is refused."""
        return self.free < self.kept

    @property
    def out(self) -> bool:
        """Whether everything is refused that needs room."""
        return self.free < self.kept // _LAST

    def __str__(self) -> str:
        return f"no room on the disk: {self.free} bytes are free in {self.directory}, {self.kept} are kept free"


def room_in(directory: Path, keep_free: int) -> Room:
    """The room that there is now. `keep_free` bytes are kept free, but at most a tenth of the disk; raises OSError."""
    disk = os.statvfs(directory)
    kept = max(min(keep_free, disk.f_blocks * disk.f_frsize // _MOST), _LEAST)
    return Room(directory, disk.f_bavail * disk.f_frsize, kept)
