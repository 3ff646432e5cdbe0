"""What a lone worker knows does not go with it: a backup has it, and so have those that come after it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.crash.processes import ROOT, Api, Serve

COUNTS = 6
SCRIPT = "stream|from().measurement('m')|stateCount(lambda: TRUE)|httpOut('out')"


async def test_a_backup_of_a_lone_worker_holds_its_states(tmp_path: Path) -> None:
    """Restored tasks go on where they were: they do not begin with the log again."""
    file = tmp_path / "backup"
    async with Serve(tmp_path / "one") as serve, Api(serve) as api:
        await _define(api)
        await _write(api, 0)
        answer = await api.call("GET", "/kapacitor/v1/storage/backup")
        file.write_bytes(answer.content)
    data = tmp_path / "two" / "data"
    restoring = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "restore", "--data-dir", str(data), str(file), cwd=ROOT
    )
    assert await restoring.wait() == 0
    async with Serve(tmp_path / "two", data=data) as serve, Api(serve) as api:
        await _goes_on(serve, api)


async def test_after_an_orderly_stop_other_workers_go_on(tmp_path: Path) -> None:
    """The machine has more processors than before, say."""
    data = tmp_path / "data"
    async with Serve(tmp_path / "one", data=data) as serve, Api(serve) as api:
        await _define(api)
        await _write(api, 0)
        assert await serve.stop() == 0
    async with Serve(tmp_path / "two", workers=2, data=data) as serve, Api(serve) as api:
        await _goes_on(serve, api)


async def _define(api: Api) -> None:
    for number in range(COUNTS):
        assert (await api.define(f"count{number}", SCRIPT)).status_code == 200


async def _write(api: Api, start: int) -> None:
    """Three points, each counted once by each task."""
    assert (await api.write("\n".join(f"m v=1 {i}" for i in range(start, start + 3)))).status_code == 204
    for number in range(COUNTS):
        await api.until_stats(f"count{number}", "from1", collected=start + 3)
        out = await api.call("GET", f"/kapacitor/v1/tasks/count{number}/out")
        (series,) = out.json()["series"]
        assert series["values"][-1][series["columns"].index("state_count")] == start + 3


async def _goes_on(serve: Serve, api: Api) -> None:
    await _write(api, 3)
    runs = serve.logged('msg="a task runs"')
    assert not any("restored=false" in line for line in runs), runs
