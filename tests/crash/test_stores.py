"""What is kept in LMDB can be lost: everything in it stands in the logs."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.crash.load import HOSTS, Load, Sink, check_both, define_both
from tests.crash.processes import Api, Serve


async def test_deleted_while_stopped(tmp_path: Path) -> None:
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        await load.write(333)
        await check_both(load, sink)
        before = await _answers(api)
        assert await serve.stop() == 0
        for service in ("gateway", "engine", "alerting"):
            shutil.rmtree(serve.data / service)
        await serve.start()
        await api.until_stats("sums", "from1", collected=2 * load.written)
        assert await _answers(api) == before
        # the log was replayed; what follows must come, and nothing of before
        await load.write(333)
        await check_both(load, sink)


async def test_set_aside_when_damaged(tmp_path: Path) -> None:
    async with Serve(tmp_path) as serve, Api(serve) as api, Sink() as sink:
        await define_both(api, sink)
        load = Load(api)
        await load.write(333)
        await check_both(load, sink)
        before = await _answers(api)
        assert await serve.stop() == 0
        for file in serve.data.glob("*/**/*.lmdb"):
            data = bytearray(file.read_bytes())
            data[8192:] = bytes(byte ^ 0x5A for byte in data[8192:])
            file.write_bytes(data)
        await serve.start()
        await api.until_stats("sums", "from1", collected=2 * load.written)
        assert await _answers(api) == before
        assert serve.logged("set aside")
        await load.write(333)
        await check_both(load, sink)


async def _answers(api: Api) -> list[object]:
    """What can be asked about both tasks, without what depends on the speed of things."""
    tasks = (await api.call("GET", "/kapacitor/v1/tasks?fields=id&fields=status&fields=executing&fields=script")).json()
    shown: list[object] = [tasks]
    for id in ("sums", "levels"):
        task = await api.task(id)
        task.pop("dot")
        task["stats"]["task-stats"] = {}
        for node in task["stats"]["node-stats"].values():
            del node["avg_exec_time_ns"]
        shown.append(task)
    shown.append((await api.call("GET", "/kapacitor/v1/tasks/sums/sums")).json())
    assert len(shown[-1]["series"]) == len(HOSTS)  # type: ignore[index]
    return shown
