"""What test_forking.py runs: services of two kinds that are forked, and what is to be seen of them, as JSON."""

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
    said = [*shown.stdout.split(None, 2), os.environ["TOLD"], "colorsys" in sys.modules, os.listdir("/proc/self/fd")]
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
    os.kill(template._pid, signal.SIGKILL)
    try:
        await template.fork(["first", "0"], {}, sys.stderr.fileno())
    except OSError as error:
        found["refused"] = str(error)
    print(json.dumps(found))


if __name__ == "__main__":
    forked = Template({"first": ("colorsys",)}, service)
    asyncio.run(main(forked))
    forked.close()
