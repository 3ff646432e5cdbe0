"""A process that has imported what services need, and becomes one of them whenever it is asked to.

Importing is most of a service's start, and what is imported is half of its memory: forked off this process, services
have it at once and share it. It has no threads, no event loop and no open store: a fork takes all of that for its own.

A service's parent is not this process but the launcher, which is to hear of its end: it is forked by a process that
ends at once, while the launcher has the kernel give it the orphans below it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from services.launcher.process_title import set_title
from services.process.loading import loading

MOST_BYTES = 1 << 17
_MOST_FILES = 1024

# By signal, what a service that begins does at it. What it is forked off lets them pass: SIGHUP is sent to everything
# of a name where logs are rotated.
_handlers: dict[int, Any] = {}

Command = Callable[[Sequence[str]], int]


def begin(needs: Mapping[str, Sequence[str]], command: Command) -> tuple[int, socket.socket]:
    """Fork it off this process, which must be at its beginning. Its process id, and by what it is asked.

    needs: the modules of each kind of service, in the order in which services are wanted. command: runs a service by
    its arguments, of which the first is its kind; gives the exit code. Raises OSError.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if not pid:
        ours.close()
        _be_template(theirs, needs, command)
    theirs.close()
    return pid, ours


def _be_template(asked: socket.socket, needs: Mapping[str, Sequence[str]], command: Command) -> NoReturn:
    """Import, and answer {"id", "arguments", "environment"} with three files, standard input, output and error, by
    {"id", "pid"} or {"id", "error"}. A service is forked as soon as what it needs is there. Ends when nobody can ask
    any more."""
    try:
        os.setsid()  # a signal from the terminal is for the launcher
        _handlers.update((number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGHUP, signal.SIGINT))
        set_title("tickbus template")
        waiting: list[tuple[dict[str, Any], list[int]]] = []
        there = set[str]()
        with loading():
            for kind, names in needs.items():
                for name in names:
                    importlib.import_module(name)
                    while select.select([asked], [], [], 0)[0]:
                        waiting.append(_receive(asked))
                there.add(kind)
                gc.freeze()
                for request in [request for request in waiting if request[0]["arguments"][0] in there]:
                    waiting.remove(request)
                    _fork(asked, *request, command)
        while True:
            _fork(asked, *_receive(asked), command)
    except EOFError:
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def _receive(asked: socket.socket) -> tuple[dict[str, Any], list[int]]:
    data, files, _, _ = socket.recv_fds(asked, MOST_BYTES, 3)
    if not data:
        raise EOFError
    return json.loads(data), files


def _fork(asked: socket.socket, request: dict[str, Any], files: list[int], command: Command) -> None:
    answer: dict[str, Any] = {"id": request["id"]}
    try:
        answer["pid"] = _forked(request, files, command)
    except OSError as error:
        answer["error"] = str(error)
    for file in files:
        os.close(file)
    with contextlib.suppress(BrokenPipeError):
        asked.sendall(json.dumps(answer).encode())


def _forked(request: dict[str, Any], files: list[int], command: Command) -> int:
    reading, writing = os.pipe()
    try:
        between = os.fork()
        if not between:
            pid = -1
            with contextlib.suppress(OSError):
                pid = os.fork()
            if not pid:
                _be_service(request, files, command)
            os.write(writing, str(pid).encode())
            os._exit(0)
        os.waitpid(between, 0)
        pid = int(os.read(reading, 32))
    finally:
        os.close(reading)
        os.close(writing)
    if pid < 0:
        raise OSError("no process can be made now")
    return pid


def _be_service(request: dict[str, Any], files: list[int], command: Command) -> NoReturn:
    """Run the command as a process does that was just started: nothing of this one's stack comes to its end."""
    code = 1
    try:
        os.setsid()
        for standard, file in enumerate(files):
            os.dup2(file, standard)
        os.closerange(len(files), _MOST_FILES)  # others' among them, which wait for what they need
        os.environ.update(request["environment"])
        sys.argv = ["tickbus", *request["arguments"]]
        set_title(" ".join(sys.argv))
        for number, handler in _handlers.items():
            signal.signal(number, handler)
        gc.enable()
        code = command(request["arguments"])
        atexit._run_exitfuncs()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
