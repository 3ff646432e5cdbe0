"""What test_forking.py runs: services that are forked, and what is to be seen of them and of what they come from."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from services.launcher.forking import Template


def service(arguments: Sequence[str]) -> int:
    """Tells what it is, reads its standard input to the end, and ends with the code that it was told."""
    shown = subprocess.run(["ps", "-o", "ppid=,sid=,args=", str(os.getpid())], capture_output=True, text=True)
    told, hung_up = os.environ["TOLD"], signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    said = [*shown.stdout.split(None, 2), told, "colorsys" in sys.modules, hung_up, os.listdir("/proc/self/fd")]
    sys.stderr.write("heard\n")
    print(json.dumps(said), flush=True)
    sys.stdin.read()
    return int(arguments[1])


async def main(template: Template) -> None:
    found: dict[str, object] = {"serve": os.getpid()}
    one, other = await asyncio.gather(
        *(template.fork(["first", code], {"TOLD": code}, sys.stderr.fileno()) for code in ("0", "7"))
    )
    for name, process in (("one", one), ("other", other)):
        found[name] = [process.pid, *json.loads(await process.stdout.readline())]
    one.send_signal(signal.SIGKILL)
    found["killed"] = await one.wait()
    os.close(other._stdin)
    other._stdin = os.open(os.devnull, os.O_RDONLY)
    found["ended"] = await other.wait()
    for number in (signal.SIGHUP, signal.SIGINT):
        os.kill(template._pid, number)
    again = await template.fork(["first", "3"], {"TOLD": "3"}, sys.stderr.fileno())
    await again.stdout.readline()
    os.close(again._stdin)
    again._stdin = os.open(os.devnull, os.O_RDONLY)
    found["again"] = await again.wait()
    os.kill(template._pid, signal.SIGKILL)
    try:
        await template.fork(["first", "0"], {}, sys.stderr.fileno())
    except OSError as error:
        found["refused"] = str(error)
    try:
        os.waitpid(template._pid, os.WNOHANG)
    except ChildProcessError:
        found["reaped"] = True
    print(json.dumps(found))


if __name__ == "__main__":
    forked = Template({"first": ("colorsys",)}, service)
    asyncio.run(main(forked))
    forked.close()
