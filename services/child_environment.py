"""What programs of users are told of the environment: exec handlers, functions of their own."""

from __future__ import annotations

import os

_OURS = "KAPACITOR_"
_CLIENTS = frozenset({"KAPACITOR_URL", "KAPACITOR_UNSAFE_SSL"})


def child_environment() -> dict[str, str]:
    """This process's environment without what configures tickbus: the credentials of NATS and of services are there.

    What only tells the `kapacitor` client where the API is stays.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS) or name in _CLIENTS}
