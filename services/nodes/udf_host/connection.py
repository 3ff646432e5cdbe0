"""One run of a function's program, or one connection to its socket: requests in, responses out, its life watched.

Reading, writing and waiting happen in threads of their own, so that a function that is slow or hangs never holds up
the one who uses it: that one hands over bytes and takes what has come back.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from grammar.golang.times import time_string
from schemas.config import UdfFunction
from services.process.child_environment import child_environment
from tickbus.udf.protocol import ProtocolError, Request, Response, Unframer, framed

_CHUNK = 1 << 16
_STARTING = 3  # how many times its timeout a function has for its first sign of life: many may start at once
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_GRACE = 5.0  # seconds at most; how long a program may take to end once its input is closed

Fence = Any
"""What stands for one KeepaliveRequest to who sent it."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A KeepaliveRequest has been answered: all that was sent before it has been worked off."""

    fence: Fence


@dataclass(frozen=True, slots=True)
class Failed:
    """The function is gone, and why. `reported`: it said so itself, with an ErrorResponse. Nothing comes after it."""

    reason: str
    reported: bool = False


Received = Passed | Failed | Any
"""What came back: one of these, or a Response."""


class UdfConnection:
    """Start it, send, take. `wake` is called, in any thread, when something can be taken."""

    def __init__(
        self, settings: UdfFunction, wake: Callable[[], None], say: Callable[[str], None], delay: float = 0.0
    ) -> None:
        """say: given each line that the program writes to stderr. delay: seconds to wait before starting it."""
        self._settings, self._wake, self._say, self._delay = settings, wake, say, delay
        self._line: _Transport = _Socket(settings) if settings.socket else _Process(settings)
        self._queue: queue.SimpleQueue[tuple[bytes, Sequence[Fence]] | None] = queue.SimpleQueue()
        self._fences: deque[Fence] = deque()  # of the KeepaliveRequests that are not answered yet
        self._received: deque[Received] = deque()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._run, name="udf", daemon=True)
        self._reader.start()

    def send(self, data: bytes, fences: Sequence[Fence] = ()) -> None:
        """Write framed requests, after those before. fences: one for each KeepaliveRequest in them, in order."""
        self._queue.put((data, fences))

    @property
    def waiting(self) -> bool:
        """Whether something can be taken."""
        return bool(self._received)

    def take(self) -> list[Received]:
        """What has come back since, in order."""
        out = []
        while self._received:
            out.append(self._received.popleft())
        return out

    def close(self, wait: float = 0.0) -> None:
        """Let the function end: it is told by the end of its input, and killed if that takes too long."""
        self._closing.set()
        self._queue.put(None)
        if wait:
            self._reader.join(wait)

    def _run(self) -> None:
        if self._closing.wait(self._delay):
            return
        try:
            self._line.open(self._closing, self._say)
        except OSError as error:
            self._fail(str(error))
            return
        writer = threading.Thread(target=self._write, name="udf-writer", daemon=True)
        writer.start()
        reason: str | None = None
        try:
            reason = self._read()
        except (OSError, ProtocolError, DecodeError) as error:
            reason = f"read error: {error}"
        if reason is not None:
            self._line.kill()
        self._queue.put(None)
        ended = self._line.ended(min(_GRACE, self._settings.timeout))
        if reason != _REPORTED:
            self._fail(reason or ended)

    def _fail(self, reason: str) -> None:
        self._received.append(Failed(reason))
        self._wake()

    def _write(self) -> None:
        """Write what is queued; ask for a sign of life where there has been nothing to write for a while."""
        try:
            while True:
                try:
                    item = self._queue.get(timeout=self._settings.timeout / 2)
                except queue.Empty:
                    item = (keepalive(), (None,))
                if item is None:
                    break
                data, fences = item
                self._fences.extend(fences)
                self._line.write(data)
        except OSError:
            pass  # the reader sees the end too, and knows more of why
        self._line.close_input()

    def _read(self) -> str | None:
        """Read until the end: None for a plain end of file, else why."""
        unframer, timeout = Unframer(), self._settings.timeout
        poll = select.poll()
        poll.register(self._line.output(), select.POLLIN)
        last, last_ns = time.monotonic(), time.time_ns()
        begun = False
        while True:
            limit = min(timeout, _GRACE) if self._closing.is_set() else timeout * (1 if begun else _STARTING)
            left = last + limit - time.monotonic()
            # Closing may shorten the wait, so it is not slept through.
            if left <= 0:
                return f"keepalive timedout, last keepalive received was: {time_string(last_ns)}"
            if not poll.poll(max(1, min(left, 1.0) * 1000)):
                continue
            data = self._line.read()
            last, last_ns, begun = time.monotonic(), time.time_ns(), True
            if not data:
                return "read error: unexpected EOF" if unframer.partial else None
            for message in unframer.feed(data):
                if not self._take_in(Response.FromString(message)):
                    return _REPORTED
            if self._received:
                self._wake()

    def _take_in(self, response: Any) -> bool:
        """Whether to go on."""
        what = response.WhichOneof("message")
        if what == "keepalive":
            fence = self._fences.popleft() if self._fences else None
            if fence is not None:
                self._received.append(Passed(fence))
        elif what == "error":
            self._received.append(Failed(response.error.error, reported=True))
            self._wake()
            return False
        elif what is None:
            raise ProtocolError("a response without a message")
        else:
            self._received.append(response)
        return True


_REPORTED = "reported"


def keepalive() -> bytes:
    """A framed KeepaliveRequest."""
    return framed(Request(keepalive={"time": time.time_ns()}))


def ask_info(settings: UdfFunction) -> Any:
    """The InfoResponse of a function, started only for that; may take a few times its timeout. OSError without one."""
    readable = threading.Event()
    connection = UdfConnection(settings, readable.set, lambda line: None)
    try:
        connection.send(framed(Request(info={})))
        # The connection itself notices first, and knows why.
        until = time.monotonic() + settings.timeout * _STARTING + _LONGEST_PAUSE
        while (left := until - time.monotonic()) > 0:
            readable.wait(left)
            readable.clear()
            for one in connection.take():
                if isinstance(one, Failed):
                    raise OSError(one.reason)
                if not isinstance(one, Passed) and one.WhichOneof("message") == "info":
                    return one.info
        raise OSError("it does not answer")
    finally:
        connection.close()


class _Transport(Protocol):
    """What requests and responses go over."""

    def open(self, closing: threading.Event, say: Callable[[str], None]) -> None: ...

    def output(self) -> int: ...

    def read(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def close_input(self) -> None: ...

    def kill(self) -> None: ...

    def ended(self, grace: float) -> str:
        """Wait for the end after an end of file, forcing it after `grace` seconds; how it came about."""


_live: weakref.WeakSet[_Process] = weakref.WeakSet()


class _Process:
    """A child process, in a session of its own: what a terminal sends to the engine is not for it."""

    def __init__(self, settings: UdfFunction) -> None:
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def open(self, closing: threading.Event, say: Callable[[str], None]) -> None:
        try:
            self._process = subprocess.Popen(
                [self._settings.prog, *self._settings.args],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**child_environment(), **self._settings.env},
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise OSError(f"fork/exec {self._settings.prog}: {(error.strerror or str(error)).lower()}") from error
        _live.add(self)
        threading.Thread(target=self._repeat, args=(say,), name="udf-stderr", daemon=True).start()

    def output(self) -> int:
        assert self._process is not None and self._process.stdout is not None
        return self._process.stdout.fileno()

    def read(self) -> bytes:
        return os.read(self.output(), _CHUNK)

    def write(self, data: bytes) -> None:
        assert self._process is not None and self._process.stdin is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._process.stdin.fileno(), view) :]

    def close_input(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def ended(self, grace: float) -> str:
        assert self._process is not None and self._process.stdout is not None
        try:
            code = self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._process.stdout.close()
        if code >= 0:
            return f"process exited unexpectedly: exit status {code}"
        return f"process exited unexpectedly: signal: {signal.strsignal(-code) or -code}".lower()

    def _repeat(self, say: Callable[[str], None]) -> None:
        assert self._process is not None and self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in stderr:
                say(line.decode("utf-8", "replace").rstrip("\n"))


class _Socket:
    """A connection to a unix socket that somebody else serves."""

    def __init__(self, settings: UdfFunction) -> None:
        self._path, self._timeout = settings.socket, settings.timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def open(self, closing: threading.Event, say: Callable[[str], None]) -> None:
        """Connect, again and again for as long as the timeout where nobody listens yet."""
        until, pause = time.monotonic() + self._timeout, _FIRST_PAUSE
        while True:
            try:
                self._socket.connect(self._path)
                return
            except OSError as error:
                if time.monotonic() > until or closing.is_set():
                    raise OSError(f"dial unix {self._path}: {(error.strerror or str(error)).lower()}") from error
            closing.wait(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def output(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes:
        return self._socket.recv(_CHUNK)

    def write(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close_input(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def ended(self, grace: float) -> str:
        self._socket.close()
        return "read error: the connection was closed"


@atexit.register
def _kill_all() -> None:
    """No program outlives the engine."""
    for process in list(_live):
        process.kill()
