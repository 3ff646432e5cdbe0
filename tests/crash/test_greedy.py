"""Scripts that ask for more memory than there is end by themselves: the worker lives, and what others count goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil

from tests.crash.processes import Api, Serve

FROM = "stream|from().measurement('m')"
LIMITS = {"KAPACITOR_ENGINE_TASK_MEMORY": "10m", "KAPACITOR_ENGINE_MAX_GROUPS": "8000"}
GREEDY = {
    "window": (f"{FROM}|window().period(1000h).every(1000h)|httpOut('window')", "task-memory"),
    "groups": (f"{FROM}.groupBy('host')|stateCount(lambda: TRUE)", "keeps"),
    "combine": (f"{FROM}|combine({', '.join(['lambda: TRUE'] * 4)}).as('a', 'b', 'c', 'd').tolerance(1s)", "makes"),
    "message": (
        f"{FROM}|alert().crit(lambda: TRUE).topic('t').message('"
        + '{{ $a := "a" }}'
        + '{{ $a = printf "%s%s" $a $a }}' * 40
        + "')",
        "text of more than",
    ),
}
MODEST = {
    "history": f"{FROM}|delete().tag('host')|alert().crit(lambda: \"v\" > 0)"
    ".flapping(0.2, 0.5).history(1000000000).topic('t')",
    "average": f"{FROM}|movingAverage('v', 400000000)",
    "replace": FROM + "|eval(lambda: " + "strReplace(" * 9 + "'a'" + ", 'a', 'aaaaaaaaaa', -1)" * 9 + ").as('x')",
    "ticks": f"{FROM}|barrier().idle(1ms)",
}
BODIES, LINES = 20, 5000


async def test_greedy_tasks_end_and_others_go_on(tmp_path: Path) -> None:
    async with Serve(tmp_path, environment=LIMITS) as serve, Api(serve) as api:
        worker = serve.services()["engine-0"]["pid"]
        assert (await api.define("probe", f"{FROM}|stateCount(lambda: TRUE)|httpOut('out')")).status_code == 200
        for id_, script in {**{id_: script for id_, (script, _) in GREEDY.items()}, **MODEST}.items():
            assert (await api.define(id_, script)).status_code == 200, id_
        # few points of one time are a million combinations
        assert (await api.write("\n".join(f"m,host=h{i} v={i % 3}i 0" for i in range(70)))).status_code == 204
        for k in range(BODIES):
            lines = "\n".join(
                f'm,host=h{i % 10_000} v={i % 3}i,s="{i:>0100}" {1000 + i}' for i in range(k * LINES, (k + 1) * LINES)
            )
            assert (await api.write(lines)).status_code == 204
        written = BODIES * LINES + 70
        await api.until_stats("probe", "from1", collected=written)
        # memory is looked at once a second, while points come
        async with asyncio.timeout(30):
            while (await api.task("window"))["executing"]:
                assert (await api.write(f"m v=1i {150_000 + written}")).status_code == 204
                written += 1
                await api.until_stats("probe", "from1", collected=written)
        for id_, (_, reason) in GREEDY.items():
            task = await api.task(id_)
            assert reason in task["error"], (id_, task["error"])
            assert not task["executing"]
        for id_ in MODEST:
            task = await api.task(id_)
            assert task["executing"], (id_, task["error"])
        assert serve.services()["engine-0"]["pid"] == worker
        assert psutil.Process(worker).memory_info().rss < 900 << 20
        # what has failed stays so, and takes no memory, when the worker is started anew
        await serve.kill_service("engine-0")
        worker = serve.services()["engine-0"]["pid"]
        assert (await api.write("m v=1i 1000000")).status_code == 204
        await api.until_stats("probe", "from1", collected=written + 1)
        for id_ in GREEDY:
            assert not (await api.task(id_))["executing"]
        assert serve.services()["engine-0"]["pid"] == worker
