"""An exponentially weighted mean by group: each value counts `weight`, what was before it the rest."""

from __future__ import annotations

import json
from typing import Any

from tickbus.udf import DOUBLE, STRING, Agent, Handler


class Smooth(Handler):
    """`.field(name)` is smoothed with `.weight(0.3)` into `.as(name)`."""

    options = {"field": [STRING], "weight": [DOUBLE], "as": [STRING]}  # noqa: RUF012

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self._means: dict[str, float] = {}

    def init(self, options: list[tuple[str, list[Any]]], task: str, node: str) -> None:
        given = {name: values[0] for name, values in options}
        self._field, self._weight, self._as = given["field"], given["weight"], given["as"]

    def point(self, point: Any) -> None:
        value = point.fieldsDouble[self._field]
        mean = self._means.get(point.group, value)
        mean += self._weight * (value - mean)
        self._means[point.group] = point.fieldsDouble[self._as] = mean
        self.agent.send_point(point)

    def snapshot(self) -> bytes:
        return json.dumps(self._means).encode()

    def restore(self, snapshot: bytes) -> None:
        self._means = json.loads(snapshot)


if __name__ == "__main__":
    Agent(Smooth).run()
