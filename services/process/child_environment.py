"""What programs of users get of this process: exec handlers, functions of their own."""

from __future__ import annotations

import contextlib
import os

_OPEN, _STANDARD = "/dev/fd", 2
_OURS = "KAPACITOR_"
_CLIENTS = frozenset({"KAPACITOR_URL", "KAPACITOR_UNSAFE_SSL"})


def child_environment() -> dict[str, str]:
    """This process's environment without what configures tickbus: the credentials of NATS and of services are there.

    What only tells the `kapacitor` client where the API is stays.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS) or name in _CLIENTS}


def keep_open_files() -> None:
    """Have no program that is started from now on inherit what is open now, but for the standard streams."""
    for name in os.listdir(_OPEN):
        with contextlib.suppress(OSError):
            if int(name) > _STANDARD:
                os.set_inheritable(int(name), False)
