"""The side of a user defined function: reads what tickbus sends, calls the handler, writes what that sends."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tickbus.udf.protocol import (
    BOOL,
    DOUBLE,
    DURATION,
    INT,
    STREAM,
    STRING,
    Request,
    Response,
    Unframer,
    framed,
)

_CHUNK = 1 << 16
_FLUSH_SECONDS = 0.05
_VALUES = {BOOL: "boolValue", INT: "intValue", DOUBLE: "doubleValue", STRING: "stringValue", DURATION: "durationValue"}


class Handler:
    """What a function does. Subclass it; all methods are called from one thread, in the order in which things came.

    What a method raises ends the function's task, with the exception's text as its error.
    """

    wants: int = STREAM
    """What comes in: STREAM or BATCH."""
    provides: int = STREAM
    """What goes out."""
    options: Mapping[str, Sequence[int]] = {}
    """Options that scripts may set, each with the types of its arguments: {"size": [INT]} for `.size(10)`."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def init(self, options: list[tuple[str, list[Any]]], task: str, node: str) -> None:
        """The script's options, in order, durations in ns. ValueError where they will not do."""

    def point(self, point: Any) -> None:
        """A point: time (ns), name, database, retentionPolicy, group, dimensions, tags, fieldsDouble, fieldsInt, …

        Between `begin_batch` and `end_batch` it has only time, group, tags and fields. It must be copied to be kept.
        """
        raise NotImplementedError("this function takes no points")

    def begin_batch(self, begin: Any) -> None:
        """A batch begins: name, group, tags, size (its number of points)."""
        raise NotImplementedError("this function takes no batches")

    def end_batch(self, end: Any) -> None:
        """It ends: name, group, tags, tmax (its time, ns)."""

    def snapshot(self) -> bytes:
        """All that later points depend on. Empty for a function that keeps nothing, which is then never restored."""
        return b""

    def restore(self, snapshot: bytes) -> None:
        """Take up what `snapshot` gave, perhaps in another process. ValueError where that cannot be."""


class Agent:
    """Reads requests, calls the handler, writes what it sends."""

    def __init__(self, handler: Callable[[Agent], Handler]) -> None:
        """handler: makes the handler, usually its class."""
        self._out: list[bytes] = []
        self._lock = threading.Lock()
        self._write: Callable[[bytes], Any] = lambda data: None
        self.handler = handler(self)

    def run(self) -> None:
        """Serve stdin and stdout until stdin is closed."""
        stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
        self._serve(lambda: os.read(stdin, _CHUNK), lambda data: _write_all(stdout, data))

    def run_on(self, connection: socket.socket) -> None:
        """Serve a connection until the other side has closed it."""
        with connection:
            self._serve(lambda: connection.recv(_CHUNK), connection.sendall)

    def send_point(self, point: Any) -> None:
        """Send a point, or one of the batch that was begun. May be called from any thread."""
        self._send(Response(point=point))

    def begin_batch(self, begin: Any) -> None:
        """Begin a batch."""
        self._send(Response(begin=begin))

    def end_batch(self, end: Any) -> None:
        """End it; its name, tags and tmax are what counts."""
        self._send(Response(end=end))

    def flush(self) -> None:
        """Have what was sent go out now. tickbus asks for a sign of life after every point, which does the same."""
        with self._lock:
            data, self._out = b"".join(self._out), []
            if data:
                self._write(data)

    def _send(self, response: Any) -> None:
        data = framed(response)
        with self._lock:
            self._out.append(data)

    def _serve(self, read: Callable[[], bytes], write: Callable[[bytes], Any]) -> None:
        self._write = write
        unframer = Unframer()
        flushed = time.monotonic()
        try:
            while data := read():
                for message in unframer.feed(data):
                    if not self._handled(Request.FromString(message)):
                        return
                    # A slow handler must show that it lives before all that was read is worked off.
                    if time.monotonic() - flushed > _FLUSH_SECONDS:
                        self.flush()
                        flushed = time.monotonic()
                self.flush()
        except (BrokenPipeError, ConnectionResetError):
            return

    def _handled(self, request: Any) -> bool:
        """Whether the function can go on."""
        what = request.WhichOneof("message")
        try:
            answer = _ANSWERS[what](self.handler, getattr(request, what))
        except (BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            traceback.print_exc()
            self._send(Response(error={"error": f"error processing request of type {what}: {error}"}))
            self.flush()
            return False
        if answer is not None:
            self._send(answer)
        return True


class Server:
    """Serves a function over a unix socket: a thread and a handler of its own for every node that connects."""

    def __init__(self, path: str, handler: Callable[[Agent], Handler]) -> None:
        """path: of the socket; what stands there goes when it is served."""
        self._path, self._handler = path, handler

    def serve(self) -> None:
        """Listen for ever."""
        if os.path.exists(self._path):
            os.unlink(self._path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(self._path)
            listener.listen()
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=Agent(self._handler).run_on, args=(connection,), daemon=True).start()


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _info(handler: Handler, request: Any) -> Any:
    options = {name: {"valueTypes": list(types)} for name, types in handler.options.items()}
    return Response(info={"wants": handler.wants, "provides": handler.provides, "options": options})


def _init(handler: Handler, request: Any) -> Any:
    options = [(o.name, [getattr(v, _VALUES[v.type]) for v in o.values]) for o in request.options]
    try:
        handler.init(options, request.taskID, request.nodeID)
    except ValueError as error:
        return Response(init={"success": False, "error": str(error)})
    return Response(init={"success": True})


def _restore(handler: Handler, request: Any) -> Any:
    try:
        handler.restore(request.snapshot)
    except ValueError as error:
        return Response(restore={"success": False, "error": str(error)})
    return Response(restore={"success": True})


_ANSWERS: dict[str, Callable[[Handler, Any], Any]] = {
    "info": _info,
    "init": _init,
    "keepalive": lambda handler, request: Response(keepalive={"time": request.time}),
    "snapshot": lambda handler, request: Response(snapshot={"snapshot": handler.snapshot()}),
    "restore": _restore,
    "begin": lambda handler, request: handler.begin_batch(request),
    "point": lambda handler, request: handler.point(request),
    "end": lambda handler, request: handler.end_batch(request),
}
