"""The log of what tasks and their nodes have to say: the points of `log`, alerts, errors.

Its service is the one by which Kapacitor's clients know such lines: Chronograf shows them beside the script.
"""

from __future__ import annotations

from services.process import log

TASK_LOG = log.get("kapacitor")
