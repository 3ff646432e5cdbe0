"""Small stand-ins for the services, so that the launcher is tested by itself.

``standin.py serve DIR HOST:PORT NAME…`` is `tickbus serve` with stand-ins for services; ``standin.py NAME`` is one of
them, run as every service is. What a stand-in does follows from its name: those that start with "broken" fail at the
start, "stuck" ones do not stop when asked. Where DIR/wait is there, none is ready before it is gone. Each
writes a line to DIR/events when it has stopped, and when it gets SIGHUP.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable

from schemas.config import Config, load_config
from services.cli.commands.services.serve import serve
from services.cli.service_process import run_service
from services.launcher.launcher import Programs
from services.launcher.supervised_process import ProcessSpec


async def standin(config: Config, ready: Callable[[], None], stop: asyncio.Event) -> None:
    name = os.environ["STANDIN"]
    if "broken" in name:
        raise ValueError("broken")

    def tell(what: str) -> None:
        with (config.data_dir / "events").open("a") as events:
            events.write(f"{name} {what}\n")

    while (config.data_dir / "wait").exists():
        await asyncio.sleep(0.02)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, tell, "hung up")
    ready()
    await stop.wait()
    if "stuck" in name:
        await asyncio.sleep(60)
    tell("stopped")


def programs(names: list[str]) -> Programs:
    def make(config: Config, environment: dict[str, str]) -> list[ProcessSpec]:
        return [
            ProcessSpec(
                name=name,
                command=[sys.executable, __file__, name],
                environment={**environment, "STANDIN": name},
                ready=re.compile("ready"),
                stop_within=0.5 if "stuck" in name else 20.0,
            )
            for name in names
        ]

    return make


def main() -> int:
    if sys.argv[1] == "serve":
        directory, address, *names = sys.argv[2:]
        overrides = {"": {"data_dir": directory}, "http": {"bind-address": address}}
        return serve(load_config(environment=os.environ, overrides=overrides), programs(names))
    return run_service("standin", load_config(environment=os.environ), standin)


if __name__ == "__main__":
    sys.exit(main())
