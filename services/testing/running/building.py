"""A test's script as a task under way, with nothing done outside."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from grammar.tickscript.ast import Script, TickscriptError
from grammar.tickscript.literals import parse_duration
from grammar.tickscript.parser import parse
from schemas.config.influxdb import InfluxDB
from services.columns.groups.series import SeriesTable
from services.connectors.http_sender import PostEndpoint
from services.connectors.influxdb import InfluxDBClient
from services.dryrun.log_run import LogRun
from services.nodes import classes
from services.pipeline.compiler.compile import Compiled, api_error, compile_script
from services.pipeline.compiler.vars import Var, VarsError, VarType, parse_vars
from services.pipeline.graph import Graph
from services.pipeline.registry import Registry
from services.pipeline.spec import Edge
from services.process.log import Log
from services.process.permissions import OPEN, Guard
from services.runtime.building.sideloading import sideloaded
from services.runtime.environment import TaskEnvironment
from services.runtime.errors import TaskFailed
from services.runtime.task import TaskRun
from services.testing.format.model import RuleTest
from services.testing.running.outcomes import NO_TOPIC

_NO_FUNCTIONS = " (functions, @name(), are those that --config declares)"
_NO_ENDPOINTS = " (endpoints are those that --config declares)"


class CannotStart(Exception):
    """The task of a test cannot be put under way; str() says why. key: of the test, to blame; "" for its script."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key


@dataclass(frozen=True, slots=True)
class Workshop:
    """What tests' tasks are made with. registry: what scripts may use. environment: as the configuration has it.

    prepare: gives an alert's properties what the configuration says of every alert; None where there is none.
    """

    registry: Registry
    environment: TaskEnvironment
    prepare: Callable[[Any], None] | None = None

    async def task(self, test: RuleTest, began: int, log: Log) -> LogRun:
        """The task of a test, enabled at a time (ns). Raises CannotStart."""
        try:
            compiled = self.compiled(test)
        except TickscriptError as error:
            hint = _NO_FUNCTIONS if "@" in test.script and not self.registry.functions else ""
            raise CannotStart(f"{test.source}: {api_error(error)}{hint}") from None
        except VarsError as error:
            raise CannotStart(f"{test.source}: {error}", "vars") from None
        except ValueError as error:
            raise CannotStart(f"{test.source}: {error}") from None
        graph, dbrps = compiled.graph, test.dbrps or compiled.dbrps
        if not dbrps:
            raise CannotStart(f'{test.source}: no databases: give `dbrps`, or say dbrp "db"."rp" in the script')
        try:
            if (mismatch := graph.mismatch()) is not None:
                raise TaskFailed(mismatch)
            # a replay's query nodes ask nothing and give what they are fed
            replay = "test" if graph.edge is Edge.BATCH else ""
            influxdb = {**_clusters(graph), **self.environment.influxdb}
            environment = replace(self.environment, dry=True, levels={}, replay=replay, influxdb=influxdb)
            self._prepare(graph)
            async with sideloaded(graph, environment):
                run = TaskRun(test.task, graph, dbrps, classes(), SeriesTable(), log, environment, began)
            if (flaw := run.flaw()) is not None:
                raise TaskFailed(flaw)
        except (TaskFailed, ValueError) as error:
            hint = _NO_ENDPOINTS if ".endpoint(" in test.script and not self.environment.post_endpoints else ""
            raise CannotStart(f"{test.source}: {error}{hint}") from None
        return LogRun(run)

    def compiled(self, test: RuleTest) -> Compiled:
        """What a test's script comes to with its vars. Raises TickscriptError, VarsError."""
        script = _parsed(test.script)
        if not test.vars:
            return compile_script(script, self.registry, {})
        declared = compile_script(script, self.registry, {}, template=True).vars
        return compile_script(script, self.registry, parse_vars(vars_json(test.vars, declared)))

    def _prepare(self, graph: Graph) -> None:
        """Alerts that go nowhere are raised as well: tests look at them. Raises ValueError."""
        for node in graph.nodes:
            properties: Any = node.properties
            if not node.spec.takes_handlers:
                continue
            if self.prepare is not None:
                self.prepare(properties)
            if not properties.topic and not properties.handlers:
                properties.topic = NO_TOPIC


def workshop(
    registry: Registry,
    post_endpoints: Mapping[str, PostEndpoint],
    guard: Guard = OPEN,
    prepare: Callable[[Any], None] | None = None,
) -> Workshop:
    """A Workshop with what a configuration has: endpoints by name, and what may be done on this machine."""
    return Workshop(registry, TaskEnvironment(post_endpoints=post_endpoints, guard=guard), prepare)


def vars_json(given: Mapping[str, Any], declared: Mapping[str, Var]) -> dict[str, Any]:
    """Vars as the API has them, of values as tests give them. Raises VarsError."""
    unknown = [name for name in given if name not in declared]
    if unknown:
        known = f"known are {', '.join(sorted(declared))}" if declared else "it declares none"
        raise VarsError(f"the script has no var {unknown[0]!r}: {known}")
    return {name: _var(name, value, declared[name].type) for name, value in given.items()}


def _var(name: str, value: Any, kind: VarType) -> Any:
    if isinstance(value, dict) and "type" in value:
        return value
    if kind is VarType.LIST:
        items = value if isinstance(value, list) else [value]
        return {"type": "list", "value": [i if isinstance(i, dict) else {"type": "string", "value": i} for i in items]}
    if not _fits(value, kind):
        raise VarsError(f"invalid var {name}: {json.dumps(value)} is no {kind.word}")
    if kind is VarType.REGEX and len(value) > 1 and value[0] == value[-1] == "/":
        value = value[1:-1].replace("\\/", "/")  # as scripts write it
    if kind is VarType.FLOAT:
        value = float(value)
    return {"type": kind.value, "value": str(value) if kind is VarType.STRING else value}


def _fits(value: Any, kind: VarType) -> bool:
    """Whether a plain value can be a var of a type. YAML's numbers may be texts."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is VarType.BOOL:
        return isinstance(value, bool)
    if kind is VarType.INT:
        return type(value) is int and -(2**63) <= value < 2**63
    if kind is VarType.FLOAT:
        return number
    if kind is VarType.DURATION:
        return isinstance(value, str) and _is_duration(value)
    return isinstance(value, str) or (number and kind is VarType.STRING)


def _is_duration(text: str) -> bool:
    try:
        parse_duration(text)
    except ValueError:
        return False
    return True


def _clusters(graph: Graph) -> dict[str, InfluxDBClient]:
    """A client for every cluster that the script names; in a dry run nobody asks it."""
    names = [getattr(node.properties, "cluster", None) for node in graph.nodes]
    return {name: InfluxDBClient(InfluxDB()) for name in names if isinstance(name, str)}


@functools.lru_cache(64)
def _parsed(text: str) -> Script:
    return parse(text)
