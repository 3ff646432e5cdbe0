"""A function with a state: the mean of each group's last points. Its snapshot lets it go on where it was.

[udf.functions.movingAverage]
    prog = "/opt/tickbus/bin/python"
    args = ["/opt/udf/moving_average.py"]
    timeout = "10s"

stream
    |from().measurement('cpu').groupBy('host')
    @movingAverage()
        .field('usage_idle')
        .size(10)
        .as('mean')
    |httpOut('mean')
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import Any

from tickbus.udf import INT, STREAM, STRING, Agent, Handler, Point


class MovingAverage(Handler):
    """`.field(name)` and `.size(n)` are needed; `.as(name)` names the result, `avg` unless set."""

    wants = provides = STREAM
    options = {"field": [STRING], "size": [INT], "as": [STRING]}  # noqa: RUF012

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._field, self._size, self._as = "", 0, "avg"
        self._last: defaultdict[str, deque[float]] = defaultdict(deque)

    def init(self, options: list[tuple[str, list[Any]]], task: str, node: str) -> None:
        for name, (value,) in options:
            if name == "field":
                self._field = value
            elif name == "size":
                self._size = value
            else:
                self._as = value
        if not self._field:
            raise ValueError("must supply field")
        if self._size < 1:
            raise ValueError(f"size must be at least 1, got {self._size}")

    def point(self, point: Any) -> None:
        value = point.fieldsDouble.get(self._field)
        if value is None:
            return
        last = self._last[point.group]
        last.append(value)
        if len(last) > self._size:
            last.popleft()
        out = Point()
        out.CopyFrom(point)
        for fields in (out.fieldsDouble, out.fieldsInt, out.fieldsString, out.fieldsBool):
            fields.clear()
        out.fieldsDouble[self._as] = sum(last) / len(last)
        self.agent.send_point(out)

    def snapshot(self) -> bytes:
        return json.dumps({group: list(last) for group, last in self._last.items()}).encode()

    def restore(self, snapshot: bytes) -> None:
        self._last.clear()
        for group, last in json.loads(snapshot).items():
            self._last[group] = deque(last)


if __name__ == "__main__":
    Agent(MovingAverage).run()
