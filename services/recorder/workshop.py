"""What recordings and replays need of their process, and a task's instance for one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grammar.tickscript.ast import Script, TickscriptError
from services import log as logs
from services.bus.objects import Objects
from services.engine.node import Node, TaskFailed
from services.engine.outbox import Outbox
from services.engine.series import SeriesTable
from services.engine.task import Surroundings, TaskRun
from services.pipeline.compile import api_error, compile_script
from services.pipeline.spec import Registry
from services.pipeline.vars import parse_vars

log = logs.get("recorder")


class CannotStart(Exception):
    """The task cannot be run; str() says why."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every piece of work needs of its process. patience: seconds, see settling.py."""

    objects: Objects
    outbox: Outbox
    registry: Registry
    classes: Mapping[str, type[Node]]
    around: Surroundings
    parse: Callable[[str], Script]
    describe_handlers: Callable[[Any], list[dict[str, Any]]]
    max_payload: int
    patience: float

    def instance(self, task: str, definition: Mapping[str, Any], id: str) -> TaskRun:
        """A task as it was defined, for the replay (or recording) of this id. Raises CannotStart."""
        try:
            compiled = compile_script(self.parse(definition["script"]), self.registry, parse_vars(definition["vars"]))
            mismatch = compiled.graph.mismatch()
            if mismatch is not None:
                raise TaskFailed(mismatch)
            dbrps = [(d["db"], d["rp"]) for d in definition["dbrps"]]
            around = replace(self.around, levels={}, replay=id)
            return TaskRun(task, compiled.graph, dbrps, self.classes, SeriesTable(), log, around)
        except TickscriptError as error:
            raise CannotStart(str(api_error(error))) from error
        except (TaskFailed, ValueError) as error:
            raise CannotStart(str(error)) from error
