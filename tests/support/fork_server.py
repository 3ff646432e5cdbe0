"""A process that has imported what services need, and forks into one of them whenever it is told to.

Services are started some hundreds of times, and most of what a start takes is importing. What comes out is a process
like any other: an environment, a log, a process id of its own, killed as any. `tests/support/forking.py` starts this
one and talks to it, a message a line of JSON: {"id", "arguments", "environment", "folder"} with two files, standard
output and error; answered by {"id", "pid"}, and {"pid", "status"} once it has ended.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

MOST_BYTES = 1 << 18
IMPORTED = (
    "services.cli.main",
    *(f"services.cli.commands.services.{name}" for name in ("gateway", "engine", "alerting", "recorder")),
    "services.cli.diagnostics.agent",
    "services.cli.diagnostics.health_endpoint",
    *(f"services.{name}.main" for name in ("gateway", "engine", "alerting", "recorder")),
    "numba",
)


def main(descriptor: int) -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever has started this ends it by hanging up
    asked = socket.socket(fileno=descriptor)
    ended, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(asked, selectors.EVENT_READ)
    selector.register(ended, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not asked:
                os.read(ended, 4096)
                _reap(asked)
                continue
            data, files, _, _ = socket.recv_fds(asked, MOST_BYTES, 2)
            if not data:
                return
            request = json.loads(data)
            pid = os.fork()
            if not pid:
                signal.set_wakeup_fd(-1)
                for number in (ended, told, selector.fileno()):
                    os.close(number)
                asked.close()
                _be(request, files)
            for file in files:
                os.close(file)
            _tell(asked, {"id": request["id"], "pid": pid})


def _reap(asked: socket.socket) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        _tell(asked, {"pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _tell(asked: socket.socket, answer: dict[str, Any]) -> None:
    asked.sendall(json.dumps(answer).encode())


def _be(request: dict[str, Any], files: list[int]) -> NoReturn:
    """Run the command, as a process that has just been started would."""
    code = 1
    try:
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.default_int_handler)
        for file, standard in zip(files, (1, 2), strict=True):
            os.dup2(file, standard)
            os.close(file)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = ["tickbus", *request["arguments"]]
        from services.cli.main import main as command

        code = command(request["arguments"])
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(int(sys.argv[1]))
