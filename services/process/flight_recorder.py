"""A flight recorder: what this process is at, in a file that outlives it, so that whoever starts next can read what the
last one died in.

The file is mapped into memory, so that a note costs less than a microsecond, and what stands in it survives a process
that ends in any way; not the machine. One note at a time: what is noted runs without giving its event loop a turn.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

EVERYWHERE = (0, 2**63 - 1)
"""The range of what has no place in a log."""

_SIZE = 4096
_HEAD = struct.Struct("<BxxxIqq")  # whether something is noted, the length of what it is, its range
_MOSTLY = 0.8  # the watchdog looks now and then, and sees a little less of it
_FILES = 16  # processes of one kind that may share a directory


@dataclass(frozen=True, slots=True)
class RecordedWork:
    """What was noted. what: plain data that names it. first, last: its range, places in a log or times."""

    what: dict[str, Any]
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class FatalMessage:
    """A message that processes died in. stored: when the stream took it (ns): where the log has gone back, another has
    its number. 0: not known."""

    why: str
    stored: int = 0


def packed(**what: Any) -> bytes:
    """What `FlightRecorder.begin` takes: made once for all that is noted often."""
    return orjson.dumps(what)[: _SIZE - _HEAD.size]


class FlightRecorder:
    """One process's note; in memory alone until `open`.

    limit: seconds that what is noted may take. aside: messages that nobody is to take up any more, since processes
    died in them, by stream and sequence. suspected: ranges of messages by stream, one of which may be such.
    """

    def __init__(self) -> None:
        self._map: mmap.mmap | bytearray = bytearray(_SIZE)
        self._file: Path | None = None
        self._fd = -1
        self.limit = float("inf")
        self.within = 0.0  # for how long the watchdog has seen the same thing noted, seconds
        self.seen = 0.0  # how much processor time the process had used when it last looked, seconds
        self.serial = 0  # of what was noted last
        self.began = 0.0  # monotonic
        self.aside: defaultdict[str, dict[int, FatalMessage]] = defaultdict(dict)
        self.suspected: dict[str, tuple[int, int]] = {}

    @property
    def file(self) -> Path | None:
        """Where it stands, None while in memory alone."""
        return self._file

    def open(self, directory: Path) -> RecordedWork | None:
        """Keep the note in this directory, in a file that no living process has; gives what was left in it.

        OSError where the directory does not allow it.
        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for number in range(_FILES):
            path = directory / f"at-{number}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, not for children too
            except OSError:
                os.close(fd)
                continue
            os.ftruncate(fd, _SIZE)
            self._map, self._file, self._fd = mmap.mmap(fd, _SIZE), path, fd
            left = self.current()
            self.end()
            return left
        raise OSError(f"{directory} is in use by {_FILES} processes")

    def begin(self, what: bytes, first: int, last: int) -> None:
        """Note what is worked on from now on. what: as `packed` gives it."""
        to = self._map
        to[_HEAD.size : _HEAD.size + len(what)] = what
        _HEAD.pack_into(to, 0, 1, len(what), first, last)
        self.serial += 1
        self.began = time.monotonic()

    def end(self) -> bool:
        """It is done; gives whether it has taken more than the limit. Time in which the process stood still is none."""
        over = time.monotonic() - self.began > self.limit and self._worked() > _MOSTLY * self.limit
        self._map[0] = 0
        return over

    @contextmanager
    def at(self, what: bytes, first: int, last: int) -> Iterator[None]:
        """Note it for as long as it is entered."""
        self.begin(what, first, last)
        try:
            yield
        finally:
            self.end()

    def deadly(self, stream: str, seq: int, stored: int) -> str:
        """Why nobody is to take up a message, "" where it is not set aside. stored: when the stream took it, ns."""
        known = self.aside[stream].get(seq)
        return known.why if known is not None and known.stored in (0, stored) else ""

    def _worked(self) -> float:
        """Seconds of work on it, as far as is known: while C code lets nobody run, the watchdog does not look."""
        return max(self.within, time.process_time() - self.seen)

    @property
    def active(self) -> bool:
        """Whether something is noted."""
        return self._map[0] == 1

    def current(self) -> RecordedWork | None:
        """What is noted, None where nothing is, or the file does not hold a note."""
        active, length, first, last = _HEAD.unpack_from(self._map, 0)
        if active != 1:
            return None
        try:
            what = orjson.loads(bytes(self._map[_HEAD.size : _HEAD.size + length]))
        except ValueError:
            return None
        return RecordedWork(what, first, last) if isinstance(what, dict) else None


FLIGHT_RECORDER = FlightRecorder()
"""This process's."""
