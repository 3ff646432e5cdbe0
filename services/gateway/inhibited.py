"""Statistics of alert nodes put right: which alerts are inhibited is decided after their nodes have counted them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grammar.tickscript.ast import TickscriptError
from services.gateway.alerting import Alerting
from services.gateway.commands.refusal import Refusal
from services.gateway.node_stats import Stats
from services.gateway.scripts import Scripts
from services.gateway.state import TaskState

_LEVELS = ("oks", "infos", "warns", "crits")


class Inhibited:
    """What alerting knows of it."""

    def __init__(self, alerting: Alerting, state: TaskState, scripts: Scripts) -> None:
        self._alerting, self._state, self._scripts = alerting, state, scripts

    async def put_right(self, stats: Mapping[str, Stats]) -> None:
        """Count alerts that were inhibited as such, and not as triggered. stats: by task; they are changed.

        They stay as they are while alerting does not answer.
        """
        tasks = [task for task in stats if self._in_category(task)]
        if not tasks:
            return
        try:
            found = await self._alerting.inhibited(tasks)
        except Refusal:
            return
        for task, nodes in found.items():
            for node, counts in nodes.items():
                _put_right(stats[task]["node-stats"].get(node, {}), counts)

    def _in_category(self, task: str) -> bool:
        """Whether alerts of a task can be inhibited."""
        run = (self._state.get(task) or {}).get("run")
        if run is None:
            return False
        try:
            graph = self._scripts.compile(run["definition"]["script"], run["definition"]["vars"]).graph
        except TickscriptError:
            return False
        return any(getattr(node.properties, "category", "") for node in graph.nodes)


def _put_right(stats: dict[str, Any], counts: list[int]) -> None:
    if "alerts_inhibited" not in stats:
        return
    stats["alerts_inhibited"] += sum(counts)
    for name, count in (("alerts", sum(counts)), *zip(_LEVELS, counts, strict=True)):
        stats[f"{name}_triggered"] = max(stats[f"{name}_triggered"] - count, 0)
