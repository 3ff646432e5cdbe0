"""What is shown of scripts is made once; what takes long is worked out beside the event loop, in lists as well."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.gateway.http.answers import to_json
from services.gateway.readmodels.scripts import scripts as module
from services.gateway.readmodels.scripts.kept_sketches import KeptSketches
from services.gateway.readmodels.scripts.scripts import Scripts
from services.nodes import registry
from services.runtime.building.compiling import CompilationResult, Compiling, takes_long
from services.runtime.building.script_cache import ParsedScripts
from services.store.folds.definition import TaskDefinition
from services.store.store import Store
from tests.support.worker import StandInWorker
from tests.unit.services.gateway.conftest import StartGateway
from tests.unit.services.gateway.resources.test_tasks import TASKS, body

TEMPLATES = "/kapacitor/v1/templates"
SMALL = "stream|from().measurement('m')|alert().category('c')"
BROKEN = "stream|from()|"


class Watched(Compiling):
    """Says what it has compiled where."""

    def __init__(self, parsed: ParsedScripts) -> None:
        super().__init__(parsed, registry, dict, {})
        self.done: list[str] = []

    def here(self, text: str, vars: bytes, template: bool = False) -> CompilationResult:
        self.done.append("here")
        return super().here(text, vars, template)

    async def aside(self, text: str, vars: bytes, template: bool = False) -> CompilationResult:
        self.done.append("aside")
        return await super().aside(text, vars, template)


@pytest_asyncio.fixture
async def compiling(tmp_path: Path) -> AsyncIterator[Watched]:
    with Store.open(tmp_path / "x.lmdb", "x", 1, durable=False) as store:
        async with Watched(ParsedScripts(store)) as found:
            yield found


def large(number: int) -> str:
    script = f"stream|from().measurement('m{number}')" + "|log()" * 220
    assert takes_long(script, b"{}")
    return script


def defined(script: str) -> TaskDefinition:
    return TaskDefinition("stream", script, (), {})


async def test_what_is_shown_is_kept_for_longer_than_what_is_compiled(
    compiling: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 1)
    scripts = Scripts(compiling)
    definitions = [defined(script) for script in (SMALL, large(1), large(2), BROKEN)]
    for _ in range(2):
        for definition in definitions:
            await scripts.ready_to_show(definition)
        shown = [(*scripts.sketch(one), scripts.formatted(one.script)) for one in definitions]
    assert compiling.done == ["here", "aside", "aside", "here"]
    assert [outline and outline.inhibitable for _, outline, *_ in shown] == [True, False, False, None]
    assert shown[0][-1] == "stream\n    |from()\n        .measurement('m')\n    |alert()\n        .category('c')\n"
    assert shown[1][-1].count("\n    |log()") == 220
    assert shown[3][0] and shown[3][-1] == BROKEN
    assert [scripts.problem(one) for one in definitions] == [problem for problem, *_ in shown]


async def test_what_is_shown_is_known_after_a_start(compiling: Watched, tmp_path: Path) -> None:
    """But where it was made under other settings, or tells of a problem or of a function, which may be another."""
    definitions = [defined(script) for script in (SMALL, large(1), "batch|query('q').period(1s).every(1s)", BROKEN)]
    with Store.open(tmp_path / "kept.lmdb", "x", 1, durable=False) as store:
        shown = []
        for settings in ("one", "one", "other"):
            compiling.done.clear()
            scripts = Scripts(compiling, sketches=KeptSketches(store, settings))
            for definition in definitions:
                await scripts.ready_to_show(definition)
            shown.append(
                [(scripts.sketch(one), scripts.formatted(one.script), list(compiling.done)) for one in definitions]
            )
        assert [found[0][-1] for found in shown] == [["here", "aside", "here", "here"], ["here"], shown[0][0][-1]]
        assert [[one[:2] for one in found] for found in shown[1:]] == [[one[:2] for one in shown[0]]] * 2
        sketches = KeptSketches(store)
        sketches.keep("stream@f()", b"{}", shown[0][0][0], "")
        assert sketches.get("stream@f()", b"{}") is None


async def test_what_runs_may_differ_from_what_is_defined(compiling: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are at hand though of compiled ones there is room for one."""
    monkeypatch.setattr(module, "_MOST_KEPT", 1)
    scripts = Scripts(compiling)
    both = defined(large(1)), defined(large(2))
    for one in both:
        await scripts.ready_to_show(one)
    dots = [scripts.dot("t", one) for one in both]
    assert dots[0] == dots[1] and dots[0].count("->") == 221
    assert compiling.done == ["aside", "aside"]


async def test_lists_show_large_scripts_without_compiling_them_on_the_loop(
    start_gateway: StartGateway, worker: StandInWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[str] = []
    real = Compiling.here

    def here(self: Compiling, text: str, vars: bytes, template: bool = False) -> CompilationResult:
        compiled.append(text)
        return real(self, text, vars, template)

    monkeypatch.setattr(Compiling, "here", here)
    monkeypatch.setattr(module, "_MOST_KEPT", 1)
    monkeypatch.setattr(module, "_SHOWN_BYTES", 1)
    async with start_gateway() as client:
        for number in range(3):
            status = "enabled" if number == 1 else "disabled"
            task = body(f"large{number}", script=large(number), status=status)
            assert (await client.post(TASKS, json=task)).status_code == 200
            template = {"id": f"large{number}", "type": "stream", "script": large(number)}
            assert (await client.post(TEMPLATES, json=template)).status_code == 200
        for key, place in (("tasks", TASKS), ("templates", TEMPLATES)):
            answer = await client.get(f"{place}?pattern=large*")
            listed = answer.json()[key]
            assert answer.content == to_json({key: listed}) and len(listed) == 3
            assert all(one["script"].count("\n    |log()") == 220 and one["dot"] for one in listed)
            assert [one["error"] for one in listed] == [""] * 3
        for place in ("/kapacitor/v1/debug/vars", "/metrics"):
            assert (await client.get(place)).status_code == 200
    assert not compiled
