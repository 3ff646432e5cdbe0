"""Services as processes that have been forked and not started anew: see tests/support/fork_server.py."""

from __future__ import annotations

import asyncio
import atexit
import functools
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, BinaryIO

from tests.support.fork_server import MOST_BYTES


class Forked:
    """A process, as asyncio.subprocess.Process has it."""

    def __init__(self, pid: int, ended: Future[int], stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self._ended = ended

    @property
    def returncode(self) -> int | None:
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Its exit code; that of a signal is below 0."""
        return await asyncio.shield(asyncio.wrap_future(self._ended))


async def fork(arguments: Sequence[str], folder: Path, log: BinaryIO, environment: Mapping[str, str]) -> Forked:
    """Run a service in this folder. Its standard output is `stdout`, its log goes to the file."""
    reading, writing = os.pipe()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb", 0))
    try:
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(folder)}
        pid, ended = await asyncio.wrap_future(_server().fork(request, writing, log.fileno()))
    finally:
        os.close(writing)
    return Forked(pid, ended, reader)


class _ForkServer:
    """One for all tests of this process."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, pass_fds=[theirs.fileno()])
        theirs.close()
        self._numbers = itertools.count()
        self._asked: dict[int, Future[tuple[int, Future[int]]]] = {}
        self._running: dict[int, Future[int]] = {}
        threading.Thread(target=self._read, name="fork-server", daemon=True).start()
        atexit.register(self._close)

    def fork(self, request: dict[str, Any], stdout: int, stderr: int) -> Future[tuple[int, Future[int]]]:
        """The process id, and its exit code to be."""
        number = next(self._numbers)
        answer = self._asked[number] = Future()
        socket.send_fds(self._socket, [json.dumps(request | {"id": number}).encode()], [stdout, stderr])
        return answer

    def _read(self) -> None:
        """A process is told of before its end is."""
        while data := self._socket.recv(MOST_BYTES):
            answer = json.loads(data)
            pid = answer["pid"]
            if "id" in answer:
                ended = self._running[pid] = Future()
                self._asked.pop(answer["id"]).set_result((pid, ended))
            else:
                self._running.pop(pid).set_result(answer["status"])
        for asked in self._asked.values():
            asked.set_exception(RuntimeError("what forks services has ended"))

    def _close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait()


@functools.cache
def _server() -> _ForkServer:
    return _ForkServer()
