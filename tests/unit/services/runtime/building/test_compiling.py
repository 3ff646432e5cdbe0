"""Compiling beside the event loop gives what compiling in it gives, and holds nobody up."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from grammar.tickscript.ast import TickscriptError
from schemas.config import UdfFunction
from services.alerting.handlers import specs
from services.nodes import registry
from services.pipeline.compiler.compile import InvalidTaskType, api_error
from services.pipeline.dot import to_dot
from services.pipeline.functions import FunctionSpec, FunctionUnavailable
from services.pipeline.outline import outline
from services.runtime.building.compiling import CompilationResult, Compiling, takes_long
from services.runtime.building.script_cache import ParsedScripts
from services.store.store import Store

SCRIPT = """
var level = 5.0
dbrp "a"."b"
// more than is compiled at once
stream
    |from().measurement('m').groupBy('h').where(lambda: "h" =~ /a+/)
    |eval(lambda: "v" * level).as('x')
    @f().size(3)
    |alert().crit(lambda: "x" > level).post('http://localhost').log('/tmp/x')
"""
FUNCTIONS = {
    "f": FunctionSpec("f", options={"size": ("INT",)}, settings=UdfFunction(prog="/bin/true", env={"A": "b"})),
    "g": FunctionSpec("g", problem="it has not answered yet"),
}


@pytest_asyncio.fixture
async def compiling(tmp_path: Path) -> AsyncIterator[Compiling]:
    with Store.open(tmp_path / "x.lmdb", "x", 1, durable=False) as store:
        async with Compiling(ParsedScripts(store), registry, specs, FUNCTIONS) as found:
            yield found


def plain(outcome: CompilationResult) -> tuple[object, ...]:
    compiled = outcome.compiled
    if compiled is None:
        error = outcome.error
        assert error is not None
        return type(error), api_error(error), error.position, outcome.parsed, outcome.dbrps, outcome.formatted
    graph = compiled.graph
    nodes = [(node.name, node.properties, node.position) for node in graph.nodes]
    return compiled.type, compiled.dbrps, compiled.vars, to_dot("x", outline(graph)), nodes, outcome.formatted


@pytest.mark.parametrize(
    ("script", "vars", "template"),
    [
        (SCRIPT, {}, False),
        (SCRIPT, {"level": {"type": "float", "value": 7.5}}, False),
        (SCRIPT, {"level": {"type": "string", "value": "x"}}, False),
        ("var x string\nstream|from().measurement(x)", {}, True),
        ("var x string\nstream|from().measurement(x)", {}, False),
        ("stream|from()|", {}, False),
        ("var x = 5", {}, False),
        ("stream|from()@g()", {}, False),
        ("stream|from()" + "|log()" * 490, {}, False),
    ],
)
async def test_the_helper_process_says_what_is_said_here(
    compiling: Compiling, script: str, vars: dict[str, object], template: bool
) -> None:
    given = script, orjson.dumps(vars), template
    beside = plain(await compiling.aside(*given))
    assert beside == plain(compiling.here(*given))
    assert plain(await compiling.aside(*given)) == beside


async def test_errors_are_of_the_same_kinds(compiling: Compiling) -> None:
    assert isinstance((await compiling.aside("var x = 5", b"{}")).error, InvalidTaskType)
    assert isinstance((await compiling.aside("stream|from()@g()", b"{}")).error, FunctionUnavailable)


def test_what_takes_long_is_known_by_its_looks() -> None:
    assert not takes_long(SCRIPT, b"{}")
    assert not takes_long("stream|from()|alert().message('{{ index .Tags \"h\" }}')", b"{}")
    assert takes_long(SCRIPT + "//" * 5000, b"{}")
    assert takes_long(SCRIPT, b" " * 9000)
    assert takes_long("stream|from()" + "|log()" * 300, b"{}")
    assert not takes_long("x" * (1 << 20), b"{}")
    assert takes_long(SCRIPT.replace("a+", r"\pL{100}"), b"{}")
    assert takes_long(SCRIPT, orjson.dumps({"x": {"type": "regex", "value": r"\p{Greek}"}}))


async def test_however_many_tasks_start_none_is_refused(compiling: Compiling) -> None:
    texts = [f"stream|from()|log()//{i}" + "x" * 5000 for i in range(100)]
    graphs = await asyncio.gather(*(compiling.graph(text, {}) for text in texts))
    assert {len(graph.nodes) for graph in graphs} == {len(graphs[0].nodes)}


async def test_a_long_script_holds_up_nobody(compiling: Compiling) -> None:
    text = "var s = stream|from()\n" + "s|eval(lambda: \"v\" + 1.0).as('x')\n" * 1000
    await compiling.graph("stream|from()|log()//" + "x" * 9000, {})  # the process is there
    gc.collect()
    gc.freeze()  # as services do: what other tests have left is not gone through meanwhile
    longest = 0.0
    making = asyncio.create_task(compiling.graph(text, {}))
    before = time.process_time()
    while not making.done():
        at = time.process_time()
        await asyncio.sleep(0.001)
        longest = max(longest, time.process_time() - at)
    graph = await making
    gc.unfreeze()
    assert len(graph.nodes) == 1002
    assert longest < 0.3 and time.process_time() - before < 1
    with pytest.raises(TickscriptError, match="longer than 262144 characters"):
        await compiling.graph(text * 30, {})
