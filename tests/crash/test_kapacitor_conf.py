"""A kapacitor.conf, as packages bring it along, in place of a configuration of ours."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import psutil

from tests.crash.processes import Program, eventually
from tests.support.ports import free_port

PRINTED = Path(__file__).parents[1] / "unit" / "schemas" / "config" / "printed" / "kapacitor-1.5.7.conf"
TASK = {
    "id": "cpu",
    "type": "stream",
    "dbrps": [{"db": "telegraf", "rp": "autogen"}],
    "script": "stream|from().measurement('cpu')|alert().crit(lambda: \"usage\" > 90.0).log('ALERTS')",
    "status": "enabled",
}


def conf(folder: Path, port: int) -> Path:
    """Kapacitor's own configuration with the paths and the log file of a package, below a folder."""
    text = PRINTED.read_text()
    text = text.replace("/home/kapacitor/.kapacitor", f"{folder}/var/lib/kapacitor")
    text = text.replace('file = "STDERR"', f'file = "{folder}/var/log/kapacitor/kapacitor.log"')
    text = text.replace('level = "DEBUG"', 'level = "info"\n  format = "json"')
    text = text.replace('bind-address = ":9092"', f'bind-address = "127.0.0.1:{port}"')
    file = folder / "kapacitor.conf"
    file.write_text(text)
    return file


async def curl(url: str, *arguments: str) -> str:
    """What curl prints for a request."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "20", url, *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return out.decode()


async def test_it_serves_and_its_logs_are_rotated(tmp_path: Path) -> None:
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    serve = Program("serve", "--config", str(conf(tmp_path, port)), log=tmp_path / "stderr")
    await serve.start()
    try:
        task = json.dumps(TASK).replace("ALERTS", f"{tmp_path}/alerts.log")
        defined = await curl(f"{api}/kapacitor/v1/tasks", "-H", "Content-Type: application/json", "-d", task)
        assert json.loads(defined)["error"] == ""
        await curl(f"{api}/write?db=telegraf&rp=autogen", "--data-binary", "cpu usage=95.0")
        await eventually((tmp_path / "alerts.log").exists, "the alert is logged")

        log = tmp_path / "var" / "log" / "kapacitor" / "kapacitor.log"
        old = log.rename(log.with_suffix(".1"))
        said = [json.loads(line) for line in old.read_text().splitlines()]
        warned = [line["msg"].partition(":")[0] for line in said if line["service"] == "config"]
        assert warned == ["[stats]"]
        assert {line["service"] for line in said if line["msg"] == "ready"} >= {
            "gateway",
            "engine",
            "alerting",
            "recorder",
        }

        serve.send(signal.SIGHUP)
        processes = [psutil.Process(serve.pid), *psutil.Process(serve.pid).children()]

        def opened(file: Path) -> int:
            return sum(str(file) == found.path for process in processes for found in process.open_files())

        await eventually(lambda: opened(log) == 5 and not opened(old), "every process has opened the new log file")
        assert await serve.stop() == 0
        assert (tmp_path / "stderr").read_text() == ""
    finally:
        await serve.kill()
