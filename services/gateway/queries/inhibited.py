"""Statistics of alert nodes put right: which alerts are inhibited is decided after their nodes have counted them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.gateway.clients.alerting import AlertingClient
from services.gateway.clients.node_stats import Stats
from services.gateway.operations.operation_error import OperationError
from services.gateway.operations.time_slice import TimeSlice
from services.gateway.readmodels.scripts.scripts import Scripts
from services.gateway.readmodels.tasks import TaskReadModel

_LEVELS = ("oks", "infos", "warns", "crits")


class Inhibited:
    """What alerting knows of it."""

    def __init__(self, alerting: AlertingClient, state: TaskReadModel, scripts: Scripts) -> None:
        self._alerting, self._state, self._scripts = alerting, state, scripts

    async def put_right(self, stats: Mapping[str, Stats]) -> None:
        """Count alerts that were inhibited as such, and not as triggered. stats: by task; they are changed.

        They stay as they are while alerting does not answer.
        """
        tasks: list[str] = []
        time_slice = TimeSlice()
        try:
            for task in list(stats):
                if await self._in_category(task):
                    tasks.append(task)
                await time_slice.yield_if_over()
            found = await self._alerting.inhibited(tasks) if tasks else {}
        except OperationError:
            return
        for task, nodes in found.items():
            for node, counts in nodes.items():
                _put_right(stats[task]["node-stats"].get(node, {}), counts)

    async def _in_category(self, task: str) -> bool:
        """Whether alerts of a task can be inhibited."""
        run = self._state.run(task)
        if run is None:
            return False
        await self._scripts.ready_to_show(run.definition)
        graph = self._scripts.sketch(run.definition).outline
        return graph is not None and graph.inhibitable


def _put_right(stats: dict[str, Any], counts: list[int]) -> None:
    if "alerts_inhibited" not in stats:
        return
    stats["alerts_inhibited"] += sum(counts)
    for name, count in (("alerts", sum(counts)), *zip(_LEVELS, counts, strict=True)):
        stats[f"{name}_triggered"] = max(stats[f"{name}_triggered"] - count, 0)
