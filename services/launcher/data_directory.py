"""The data directory: held by one launcher at a time, and telling who runs on it."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

import psutil

from services.launcher.errors import CannotStart
from services.process import log

_log = log.get("launcher")


class DataDirectory:
    """A data directory that is locked while it is open.

    ``state.json`` in it names the processes, ports and addresses of what runs; ``write_state`` replaces it whole.
    What a killed launcher left running is stopped when the directory is opened. Raises CannotStart where another
    launcher has it, OSError where it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = path
        self._lock = _locked(path)
        self._state = path / "state.json"
        self._stop_leftovers()

    def write_state(self, state: dict[str, Any]) -> None:
        """Replace what state.json says. Raises OSError."""
        fresh = self._state.with_suffix(".tmp")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(state, file, indent=2)
        fresh.replace(self._state)

    def close(self) -> None:
        """Remove state.json and let go of the lock: nothing runs on the directory any more."""
        self._state.unlink(missing_ok=True)
        os.close(self._lock)

    def _stop_leftovers(self) -> None:
        try:
            services = json.loads(self._state.read_text("utf-8"))["services"]
            recorded = [(service["pid"], service["started"]) for service in services.values() if service["pid"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return
        left = [process for pid, began in recorded if (process := _same_process(pid, began))]
        for process in left:
            _log.warn("stopping a process that a killed launcher left", pid=process.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=5)


def start_time(pid: int) -> float | None:
    """When a process was started, in seconds since 1970: with its pid, what tells it from a later one."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


def _locked(path: Path) -> int:
    descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise CannotStart(f"another tickbus runs on {path} (process {holder})") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _same_process(pid: int, began: float) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if abs(process.create_time() - began) < 1.0:
            return process
    return None
