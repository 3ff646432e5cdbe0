"""Plays conformance cases of alert handlers in this process: real scripts, handlers and a sink, no bus and no server.

What a case sets over the configuration's API is what the sections hold here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import yaml

from grammar.tickscript.parser import parse
from services.alerting import handlers
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import HandlerContext
from services.alerting.service_tests.registry import run_service_test, service_tests
from services.alerting.topics.message import ReceivedMessage
from services.alertlog import codec
from services.bus.positions import EventsSeq
from services.cli.handler_settings import handler_sections
from services.columns.groups.series import SeriesTable
from services.gateway.commands.service_tests import _merged
from services.gateway.operations.operation_error import OperationError
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.process.log import get
from services.runtime.effects import Alerts
from services.runtime.input.line_protocol_decoder import LineProtocolDecoder
from services.runtime.task import TaskRun
from tests.support.alerts import Sink
from tests.support.graph import NOW, _Message

CASES = Path(__file__).parents[1] / "conformance" / "cases" / "alerts"

Posts = list[dict[str, Any]]


def case(name: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """The steps of a case, each with what the reference answered."""
    steps = yaml.safe_load((CASES / f"{name}.yaml").read_text("utf-8"))["steps"]
    return zip(steps, json.loads((CASES / f"{name}.golden.json").read_text("utf-8")), strict=True)


class Sections(dict[str, Any]):
    """Sections of the configuration, which may be changed: single ones, and the only element of lists."""

    def __init__(self) -> None:
        self._schemas = handler_sections()
        self._set: dict[str, dict[str, Any]] = {}
        super().__init__({name: () if one.many else one.load({}) for name, one in self._schemas.items()})

    def change(self, name: str, change: Mapping[str, Any]) -> None:
        """{"set": {…}, "delete": […]}"""
        options = self._set.setdefault(name, {})
        options |= change.get("set", {})
        for key in change.get("delete", ()):
            options.pop(key, None)
        schema = self._schemas[name]
        loaded = schema.load(options, many=False)
        self[name] = (replace(loaded, default=True),) if schema.many else loaded


class Player:
    """One case under way. `answers(step)`: what comes of a step that has an answer here, None for the others."""

    def __init__(self, name: str, sink: Sink, environment: HandlerContext, sections: Sections) -> None:
        self._name, self._sink, self._environment, self._sections = name, sink, environment, sections
        self._runs: list[tuple[TaskRun, LineProtocolDecoder, dict[str, list[dict[str, Any]]]]] = []
        self._topics: dict[str, list[dict[str, Any]]] = {}
        self._levels: dict[tuple[str, str], int] = {}
        self._seq = 0
        sink.answer = lambda path, before: int(path.partition("status=")[2] or 200)
        sink.body = b"{}"

    async def answer(self, step: dict[str, Any]) -> Any:
        step = json.loads(json.dumps(step).replace("@{sink}", self._sink.url))
        (what, given), *_ = step.items()
        match what:
            case "request":
                return await self._request(given)
            case "task":
                self._start(given)
            case "write":
                await self._write(given)
            case "posts":
                return self._posts(given or {})
        return None

    async def _request(self, given: Mapping[str, Any]) -> Any:
        parts = given["path"].split("/")[3:]
        match parts:
            case ["config", section, _] if "json" in given:
                self._sections.change(section, given["json"])
            case ["alerts", "topics", topic, "handlers"]:
                handlers.check_json(given["json"]["kind"], given["json"]["options"], self._sections)
                self._topics.setdefault(topic, []).append(given["json"])
            case ["service-tests", name] if "json" in given and name in service_tests():
                try:
                    return await self._try(name, given["json"])
                except OperationError as refusal:
                    return refusal
            case ["service-tests"]:
                return {name: test.options(self._sections) for name, test in service_tests().items()}
        return None

    async def _try(self, name: str, given: dict[str, Any]) -> Any:
        options = service_tests()[name].options(self._sections)
        environment = replace(self._environment, sections=self._sections)
        message = await run_service_test(name, _merged(options, given), environment)
        return {"message": message, "success": not message}

    def _start(self, given: Mapping[str, Any]) -> None:
        table, id = SeriesTable(), given.get("id", self._name)
        graph = compile_script(parse(given["script"]), registry(handlers.specs()), {}).graph
        own = {}
        for node in graph.nodes:
            if node.spec.takes_handlers:
                handlers.configured(node.properties, self._sections)
                uses = node.properties.handlers  # type: ignore[attr-defined]
                for use in uses:
                    handlers.check(use, self._sections)
                own[f"main:{id}:{node.name}"] = [handlers.to_json(use) for use in uses]
        run = TaskRun(id, graph, [("db", "rp")], classes(), table, get("test"))
        self._runs.append((run, LineProtocolDecoder(table), own))

    async def _write(self, given: Mapping[str, Any]) -> None:
        for line in given["lines"].strip().splitlines():
            self._seq += 1
            message = _Message(self._seq, line.encode(), NOW + self._seq, {"precision": given["precision"]})
            for run, decoder, own in self._runs:
                batch, refused = decoder.decode("db", "rp", [message])
                assert batch is not None and not refused
                names = run.measurements
                wanted = None if names is None else frozenset(map(decoder.measurement, names))
                for effect in run.step(batch, wanted):
                    if isinstance(effect, Alerts):
                        await self._deliver(effect, own)

    async def _deliver(self, effect: Alerts, own: Mapping[str, list[dict[str, Any]]]) -> None:
        for topic in effect.topics:
            message = ReceivedMessage(codec.encode(codec.of_step(effect, topic, EventsSeq(1))), topic)
            for i in range(len(message)):
                event = message.event(i, 0)
                key = topic, event.id
                event = replace(event, previous=self._levels.get(key, 0))
                self._levels[key] = event.level
                for one in (*own.get(topic, ()), *self._topics.get(topic, ())):
                    handler, options = handlers.from_json(one["kind"], json.loads(json.dumps(one["options"])))
                    environment = replace(self._environment, sections=self._sections)
                    try:
                        await handler.handle(event, options, environment)  # type: ignore[union-attr]
                    except (Rejected, Unsent):
                        continue

    def _posts(self, given: Mapping[str, Any]) -> Posts:
        found = [_post(*one) for one in self._sink.posts if one[0].startswith(given.get("path", ""))]
        return sorted(found, key=lambda p: json.dumps(p, sort_keys=True)) if given.get("sort") else found


def _post(path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """A post as the goldens show it."""
    found: dict[str, Any] = {"method": "POST", "path": path}
    if headers["content-type"] == "application/x-www-form-urlencoded":
        found["body"] = {"form": dict(parse_qsl(body.decode(), strict_parsing=True))}
    else:
        found["body"] = json.loads(body)
    if "authorization" in headers:
        found["authorization"] = headers["authorization"]
    mine = {name: value for name, value in headers.items() if name.startswith("x-case")}
    return found | ({"headers": mine} if mine else {})
