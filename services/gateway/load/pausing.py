"""Tasks that stand in the way of their template's change, because their files change with it.

A template whose script no longer takes the vars of a task that runs is refused, and vars that the old script does not
take are refused too. A batch script, besides, runs only with the dbrps that it queries. Where both files change at
once, such a task is disabled, its template changed, and the task made to run again by its own declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services import log as logs
from services.gateway.commands.refusal import Refusal
from services.gateway.commands.tasks import TaskCommands
from services.gateway.load.declarations import Declaration, Reading
from services.gateway.load.memory import Memory
from services.gateway.scripts import Scripts
from services.gateway.state import TaskState
from services.pipeline.vars import parse_vars, vars_json
from services.store.projections.tasks import Record

_log = logs.get("load")


class Pausing:
    """What one load has disabled for a while."""

    def __init__(self, state: TaskState, scripts: Scripts, tasks: TaskCommands, memory: Memory) -> None:
        self._state, self._scripts, self._tasks, self._memory = state, scripts, tasks, memory
        self._paused: list[str] = []

    async def make_way(self, template: Declaration, reading: Reading) -> bool:
        """Disable those tasks of a template that will be something else once it is changed; whether there are any.

        Raises Refusal.
        """
        declared, gone = _declared(reading), self._gone(reading)
        ways = []
        for id, record in self._state.tasks_of(template.name).items():
            if record["status"] != "enabled":
                continue
            suits = id in declared and self._suits(template, declared[id]) and _differs(declared[id], record)
            if suits or id in gone:
                ways.append(id)
        for id in ways:
            self._paused.append(id)
            await self._tasks.update(id, {"status": "disabled"})
        return bool(ways)

    def turns(self, template: Declaration) -> bool:
        """Whether a template is to become one of the other type."""
        record = self._state.template(template.name)
        return record is not None and record["type"] != self._scripts.template(template.body["script"]).type

    def leaving(self, template: Declaration, reading: Reading) -> frozenset[str]:
        """Those tasks of a template that need no dbrps of it once the load is done: by their own files they have some,
        or another template, or they are gone."""
        declared, gone = _declared(reading), self._gone(reading)

        def leaves(id: str) -> bool:
            if id not in declared:
                return id in gone
            return bool(declared[id].get("dbrps")) or declared[id].get("template-id") != template.name

        return frozenset(id for id in self._state.tasks_of(template.name) if leaves(id))

    async def resume(self) -> None:
        """Enable again what is still disabled: its file was refused after all."""
        for id in self._paused:
            record = self._state.get(id)
            if record is not None and record["status"] == "disabled":
                try:
                    await self._tasks.update(id, {"status": "enabled"})
                except Refusal as refusal:
                    _log.error("a task that was disabled while its template changed cannot run", task=id, err=refusal)

    def _gone(self, reading: Reading) -> set[str]:
        return {record["name"] for record in reading.gone(self._memory.declared("task"))}

    def _suits(self, template: Declaration, body: Mapping[str, Any]) -> bool:
        """Whether a task as declared can run with its template as declared, or does not need it."""
        if body.get("template-id") != template.name:
            return True
        return not self._scripts.problem({"script": template.body["script"], "vars": _vars(body)})


def _declared(reading: Reading) -> dict[str, Mapping[str, Any]]:
    return {one.name: one.body for one in reading.declarations if one.kind == "task"}


def _differs(body: Mapping[str, Any], record: Record) -> bool:
    same_template = body.get("template-id", "") == record["template-id"]
    same_dbrps = not body.get("dbrps") or body["dbrps"] == record["dbrps"]
    return not same_template or not same_dbrps or _vars(body) != record["vars"]


def _vars(body: Mapping[str, Any]) -> dict[str, Any]:
    return vars_json(parse_vars(body.get("vars")))
