"""A function without a state: hands back every point, or every batch, as it came, with a field added if wished.

[udf.functions.echo]
    prog = "/opt/tickbus/bin/python"
    args = ["/opt/udf/echo.py"]             # for batches: ["/opt/udf/echo.py", "batch"]
    timeout = "10s"

stream
    |from().measurement('cpu')
    @echo()
        .add('seen', 1.0)
    |httpOut('echo')
"""

from __future__ import annotations

import sys
from typing import Any

from tickbus.udf import BATCH, DOUBLE, STREAM, STRING, Agent, Handler, Server


class Echo(Handler):
    """`.add(field, value)`, as often as wished, adds a field."""

    wants = provides = STREAM
    options = {"add": [STRING, DOUBLE]}  # noqa: RUF012

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._added: dict[str, float] = {}

    def init(self, options: list[tuple[str, list[Any]]], task: str, node: str) -> None:
        for _, (field, value) in options:
            if not field:
                raise ValueError("the field to add needs a name")
            self._added[field] = value

    def point(self, point: Any) -> None:
        for field, value in self._added.items():
            point.fieldsDouble[field] = value
        self.agent.send_point(point)


class EchoBatches(Echo):
    """The same for batches."""

    wants = provides = BATCH

    def begin_batch(self, begin: Any) -> None:
        self.agent.begin_batch(begin)

    def end_batch(self, end: Any) -> None:
        self.agent.end_batch(end)


if __name__ == "__main__":
    function = EchoBatches if "batch" in sys.argv else Echo
    if "socket" in sys.argv:
        Server(sys.argv[-1], function).serve()
    else:
        Agent(function).run()
