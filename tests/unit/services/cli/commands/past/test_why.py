"""`tickbus why` and `tickbus why-not` on a server that runs: the worker's alerts, from the states that it has kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from grammar.golang.times import format_rfc3339
from services.cli.main import main
from tests.support.serve import serve

SECONDS = 60.0
SECOND = 10**9
SCRIPTS = {
    "load": "stream|from().measurement('m').groupBy('host')|window().periodCount(3).everyCount(1)|mean('x').as('x')"
    "|alert().crit(lambda: \"x\" > 5.0).stateChangesOnly().topic('load')",
    "silent": "stream|from().measurement('beat').groupBy('host')|deadman(0.0, 1s).topic('silent')",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tmp_path_factory.mktemp("why"), {"KAPACITOR_ENGINE_HISTORY_EVERY": "200ms"}) as url:
        yield url


@pytest.fixture
def asked(
    url: str, alone: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command."""
    monkeypatch.setenv("KAPACITOR_URL", url)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def until(what: Callable[[], Any]) -> Any:
    """What comes true, waited for."""
    end = time.monotonic() + SECONDS
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_why_and_why_not(url: str, asked: Callable[..., tuple[int, str, str]]) -> None:
    with httpx.Client(base_url=f"{url}/kapacitor/v1", timeout=SECONDS) as api:
        for id, script in SCRIPTS.items():
            body = {"id": id, "type": "stream", "script": script, "dbrps": [{"db": "db", "rp": "rp"}]}
            assert api.post("/tasks", json={**body, "status": "enabled"}).status_code == 200
        now = time.time_ns()

        def write(x: int) -> None:
            line = f"m,host=a x={x} {now + x}\nm,host=b x=1 {now + x}"
            assert api.post("/write?db=db&rp=rp", content=line).status_code == 204

        def event(topic: str) -> dict[str, Any] | None:
            events = api.get(f"/alerts/topics/{topic}/events").json().get("events", ())
            return next((one for one in events if one["state"]["level"] == "CRITICAL"), None)

        assert api.post("/write?db=db&rp=rp", content=f"beat,host=a x=1 {now}").status_code == 204
        write(1)
        write(2)

        def kept() -> bool:
            """Whether a state is kept that holds both points."""
            found = api.get("/history", params={"task": "load"}).json()["tasks"]
            return any(task["newest"]["sequence"] >= 3 for task in found)

        until(kept)
        write(30)
        until(lambda: event("load"))
        code, out, _ = asked("why", "load", "m:host=a", "--json")
        found = json.loads(out)
        assert code == 0 and found["agrees"] and found["notes"] == [] and found["from"]["kept"]
        assert found["event"]["previous"] == "OK" and found["cause"]["line"] == f"m,host=a x=30 {now + 30}"
        assert [one["line"] for one in found["others"]] == [f"m,host=a x={x} {now + x}" for x in (1, 2)]

        code, out, _ = asked("why", "load", "m:host=a")
        assert code == 0 and out.startswith("m:host=a in load: OK -> CRITICAL\n")
        assert '      crit: "x" 11.0 > 5.0 is true\n' in out and "  5. alert4\n" in out
        assert f"\nOther points that took part\n   #2/0  m,host=a x=1 {now + 1}\n" in out

        code, out, _ = asked("why-not", "load", "--group", "host=b", "--at", format_rfc3339(now), "--within", "1s")
        assert code == 0 and out.count("ended at alert4: the level was OK and stays OK") == 3

        dead = until(lambda: event("silent"))
        code, out, _ = asked("why", "silent", dead["id"])
        assert code == 0 and '"emitted" 0.0 <= 0.0 is true' in out and "the task's clock at" in out

    code, _, err = asked("why", "load", "m:host=c")
    assert code == 1 and "holds no event of 'm:host=c'" in err
    code, _, err = asked("why-not", "load")
    assert code == 2 and "--at" in err
