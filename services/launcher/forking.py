"""Services forked off a process that has imported what they need (services/launcher/template.py): on Linux."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

from services.launcher import template
from services.launcher.template import Command

_SUBREAPER = 36  # of prctl
_SECONDS = 60.0  # until the template has answered, which imports first


class ForkedProcess:
    """A service that was forked, as asyncio has those that it starts. stdout: what it prints."""

    def __init__(self, pid: int, watch: int, stdin: int, stdout: asyncio.StreamReader) -> None:
        """watch: a descriptor that can be read once the process has ended; stdin: what it reads."""
        self.pid, self.stdout = pid, stdout
        self.returncode: int | None = None
        self._watch, self._stdin = watch, stdin
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._loop.add_reader(watch, self._reap)

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError where it has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, number)

    async def wait(self) -> int:
        """The exit code once it has ended, or minus the signal that ended it."""
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _reap(self) -> None:
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        self._loop.remove_reader(self._watch)
        os.close(self._watch)
        os.close(self._stdin)
        self._ended.set()


class Template:
    """What services are forked off. To be made at the very beginning of a process."""

    def __init__(self, needs: Mapping[str, Sequence[str]], command: Command) -> None:
        """needs, command: as of services.launcher.template.begin. Raises OSError where there can be none."""
        if sys.platform != "linux" or not hasattr(os, "pidfd_open"):
            raise OSError("services are not forked on this system")
        self._pid, self._socket = template.begin(needs, command)
        self._socket.setblocking(False)
        self._waiting: dict[int, asyncio.Future[int]] = {}
        self._number = 0
        self._gone = False

    async def fork(self, arguments: Sequence[str], environment: Mapping[str, str], stderr: int) -> ForkedProcess:
        """Start a service: what it is told beside this process's environment, and where its standard error goes.

        Raises OSError where that cannot be.
        """
        stdin, stdin_ours = os.pipe()
        stdout_ours, stdout = os.pipe()
        try:
            pid = await self._asked(arguments, environment, [stdin, stdout, stderr])
            # not ours where the kernel gives orphans to somebody else: it ends with its standard input
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            watch = os.pidfd_open(pid)
        except BaseException:
            os.close(stdin_ours)
            os.close(stdout_ours)
            raise
        finally:
            os.close(stdin)
            os.close(stdout)
        reader = asyncio.StreamReader()
        process = ForkedProcess(pid, watch, stdin_ours, reader)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(stdout_ours, "rb", 0)
        )
        return process

    def close(self) -> None:
        """End it. The services that came from it go on."""
        self._give_up()

    async def _asked(self, arguments: Sequence[str], environment: Mapping[str, str], files: list[int]) -> int:
        if self._gone:
            raise OSError("what services are forked off has ended")
        self._number += 1
        number, loop = self._number, asyncio.get_running_loop()
        request = {"id": number, "arguments": list(arguments), "environment": dict(environment)}
        loop.add_reader(self._socket, self._read)
        answer: asyncio.Future[int] = loop.create_future()
        self._waiting[number] = answer
        _adopt(True)
        try:
            socket.send_fds(self._socket, [json.dumps(request).encode()], files)
            async with asyncio.timeout(_SECONDS):
                await answer
            return answer.result()
        except (BrokenPipeError, ConnectionResetError):
            self._give_up()
            raise OSError("what services are forked off has ended") from None
        except TimeoutError:
            self._give_up()
            raise OSError("what services are forked off does not answer") from None
        finally:
            self._waiting.pop(number, None)
            if not self._waiting:
                _adopt(False)

    def _read(self) -> None:
        try:
            data = self._socket.recv(template.MOST_BYTES)
        except OSError:
            data = b""
        if not data:
            self._give_up()
            return
        answer = json.loads(data)
        waiting = self._waiting.get(answer["id"])
        if waiting is None or waiting.done():
            # nobody knows it: it ends with its standard input
            return
        if "pid" in answer:
            waiting.set_result(answer["pid"])
        else:
            waiting.set_exception(OSError(answer["error"]))

    def _give_up(self) -> None:
        if self._gone:
            return
        self._gone = True
        with contextlib.suppress(RuntimeError):  # there is no loop
            asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(OSError("what services are forked off has ended"))
        with contextlib.suppress(ProcessLookupError):  # it has not been waited for: the number is still its own
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _adopt(orphans: bool) -> None:
    """Whether the processes below this one become its children when their parents end."""
    ctypes.CDLL(None).prctl(_SUBREAPER, int(orphans), 0, 0, 0)
