"""A function for tests of what goes wrong. Sums `v` by group, and does what a point's field `do` says.

crash: exits, but only once for each file that `.once(path)` names; die: exits, always; hang: falls silent (once, too);
error: raises; stray: sends a point a little later, when nothing is waited for; twice: answers with two points; none:
with none.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

from tickbus.udf import BATCH, STREAM, STRING, Agent, BeginBatch, EndBatch, Handler, Point


class Misbehaving(Handler):
    wants = STREAM
    options = {"once": [STRING], "odd": []}  # noqa: RUF012

    def __init__(self, agent: Agent) -> None:
        super().__init__(agent)
        self.provides = BATCH if "batch" in sys.argv else STREAM
        self._once = ""
        self._sums: dict[str, float] = {}

    def init(self, options: list[tuple[str, list[Any]]], task: str, node: str) -> None:
        for name, values in options:
            if name == "once":
                self._once = values[0]
        print("begun", task, node, file=sys.stderr, flush=True)

    def point(self, point: Any) -> None:
        do = point.fieldsString.get("do", "")
        if do == "die" or (do in ("crash", "hang") and not os.path.exists(self._once)):
            if do != "die":
                open(self._once, "w").close()
            if do == "hang":
                time.sleep(3600)
            os._exit(3)
        if do == "error":
            raise ValueError("this point is no good")
        total = self._sums[point.group] = self._sums.get(point.group, 0.0) + point.fieldsDouble.get("v", 0.0)
        out = Point(
            time=point.time,
            name=point.name,
            database=point.database,
            retentionPolicy=point.retentionPolicy,
            dimensions=point.dimensions,
            tags=point.tags,
            fieldsDouble={"sum": total},
        )
        if do == "stray":
            threading.Timer(0.2, lambda: (self._send(out), self.agent.flush())).start()
            return
        for _ in range({"twice": 2, "none": 0}.get(do, 1)):
            self._send(out)

    def _send(self, point: Any) -> None:
        if self.provides == STREAM:
            self.agent.send_point(point)
            return
        about = {"name": point.name, "tags": {k: point.tags[k] for k in point.dimensions}}
        self.agent.begin_batch(BeginBatch(**about, size=1))
        self.agent.send_point(point)
        self.agent.end_batch(EndBatch(**about, tmax=point.time))

    def snapshot(self) -> bytes:
        return json.dumps(self._sums).encode()

    def restore(self, snapshot: bytes) -> None:
        self._sums = json.loads(snapshot)


if __name__ == "__main__":
    Agent(Misbehaving).run()
