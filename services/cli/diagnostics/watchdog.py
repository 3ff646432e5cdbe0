"""A watchdog over the event loop: says where it stands, and ends a process that does not get on.

Python cannot be interrupted in the middle of C code, and what was interrupted elsewhere might leave half of what it
shares with others; a process can be ended, and started anew. Two look on. A thread counts for how long the loop has not
turned. And since no thread of Python runs while C code holds the interpreter, each round of it sets back an alarm of
the system, on the processor time of the process: SIGPROF, which nobody has to be there to take. Both end alike: the
stacks of all threads go to a file, of which the next process tells, and this one dies of the signal.

Time in which the process was not let run does not count, where the system tells: it was stopped, the machine was, or
others had the processors.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from typing import IO

from services.process import log
from services.process.flight_recorder import FlightRecorder

STILL_SECONDS = 60.0
"""How long a loop may stand still, other than in what has a limit of its own, before its process is ended."""

_TELL_SECONDS = 5.0
_TICK, _LEAST_TICK = 0.5, 0.05
_CRASH = "Fatal Python error"


class Watchdog:
    """Watches one event loop from `start` to `stop`."""

    def __init__(self, service: str, note: FlightRecorder) -> None:
        """note: what the process is at, opened; its limit is the loop's while something is noted."""
        self._log = log.get(service)
        self._note = note
        self._stopped = threading.Event()
        self._turned = True
        self._file: IO[str] | None = None
        self._thread: threading.Thread | None = None

    def hung(self) -> bool:
        """Whether the process before did not get on and was ended therefore; where it stood then is logged."""
        assert self._note.file is not None
        path = self._note.file.with_suffix(".stacks")
        text = path.read_text("utf-8", "replace").strip() if path.exists() else ""
        self._file = path.open("w", encoding="utf-8")
        os.fchmod(self._file.fileno(), 0o600)
        if not text:
            return False
        crashed = text.startswith(_CRASH)
        self._log.error("the process before crashed" if crashed else "the process before did not get on", stack=text)
        return not crashed

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; from the main thread, which the loop runs in."""
        to = self._file or sys.stderr
        faulthandler.enable(to)
        faulthandler.register(signal.SIGPROF, to, chain=True)
        self._thread = threading.Thread(target=self._watch, args=(loop,), name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(1.0)
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        note, most = self._note, self._note.limit * 1.25 + 0.5
        tick = min(_TICK, max(note.limit / 4, _LEAST_TICK))
        alarm = 0.0 if most == float("inf") else most + tick
        still, serial, reported = 0.0, -1, False
        last, used, waited = time.monotonic(), time.process_time(), _waited()
        while not self._stopped.wait(tick):
            signal.setitimer(signal.ITIMER_PROF, alarm)
            now, cpu = time.monotonic(), time.process_time()
            passed, before, waited = now - last, waited, _waited()
            passed = max(0.0, min(passed - (waited - before), max(2 * tick, cpu - used)))
            last, used, note.seen = now, cpu, cpu
            still = 0.0 if self._turned else still + passed
            same = note.active and note.serial == serial
            note.within = note.within + passed if same else 0.0
            serial = note.serial
            if note.within > most or still > (max(STILL_SECONDS, most) if note.active else STILL_SECONDS):
                os.kill(os.getpid(), signal.SIGPROF)
            elif still > _TELL_SECONDS and not reported:
                # in a thread of its own: who holds the lock of the log may be what stands still
                threading.Thread(target=self._tell, args=(still,), daemon=True).start()
                reported = True
            if self._turned:
                self._turned = reported = False
                with contextlib.suppress(RuntimeError):  # the loop has come to its end
                    loop.call_soon_threadsafe(self._turn)

    def _turn(self) -> None:
        self._turned = True

    def _tell(self, seconds: float) -> None:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        work = self._note.current()
        self._log.warn(
            "the event loop stands still",
            seconds=round(seconds, 1),
            at=None if work is None else work.what,
            stack="".join(traceback.format_stack(frame)),
        )


def _waited() -> float:
    """For how long (s) the main thread has been kept waiting for a processor; 0 where the system does not tell."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/schedstat", "rb") as file:
            return int(file.read().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
