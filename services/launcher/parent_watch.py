"""Nothing that the launcher starts outlives it, not even when the launcher is killed with SIGKILL.

A service of ours holds the read end of a pipe whose other end only the launcher has: when that reads as closed, the
process ends. A foreign program (NATS) cannot do that; on Linux it is started through ``run_bound``, which asks the
kernel to kill it with its parent. Elsewhere a NATS left behind is stopped by the next start on the same directory.
"""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

PARENT_PIPE = "TICKBUS_LEASH"


def end_with_parent(last: Callable[[], None]) -> None:
    """End this process at once when its launcher is gone; does nothing where no launcher started it.

    last: called before that, in another thread, to end what this process has started. Standard input is the pipe. It is
    moved to another descriptor, so that no child of this process inherits it.
    """
    if not os.environ.pop(PARENT_PIPE, ""):
        return
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    threading.Thread(target=_end_with, args=(pipe, last), name="leash", daemon=True).start()


def bound_to_parent(command: list[str]) -> list[str]:
    """The command line that runs ``command``, dying with the process that starts it where the kernel can do that."""
    if sys.platform != "linux":
        return command
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def run_bound(parent: int, command: list[str]) -> None:
    """Become ``command``, to be killed by the kernel when the process ``parent`` ends."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    # The parent may have died before the kernel was asked.
    if os.getppid() == parent:
        os.execv(command[0], command)
    sys.exit(1)


def _end_with(pipe: int, last: Callable[[], None]) -> None:
    while os.read(pipe, 1):
        pass
    try:
        last()
    finally:
        os._exit(1)


if __name__ == "__main__":
    run_bound(int(sys.argv[1]), sys.argv[2:])
