"""What a hostile user does in a day, one input after another, and how a server bears it.

python -m tests.bench.hostile [--only NAME …] [--seconds 60]

It starts a `tickbus serve` of its own and watches it meanwhile (probe.py). For each input: what the server answered,
after how long, the worst latencies of others' pings, writes and alerts in that time, the most memory of one process,
and how many processes did not survive it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import hostile_inputs, hostile_texts  # noqa: F401 they enter their inputs
from tests.bench.hostile_target import INPUTS, Target
from tests.bench.probe import Probe
from tests.support.serve import serve

_WORST_SECONDS = 1.0
_SETTLE_SECONDS = 90.0


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", nargs="*", default=[], help="names of inputs, or how they begin")
    p.add_argument("--seconds", type=float, default=60.0, help="how long an answer is waited for")
    a = p.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tickbus-hostile-"))
    names = [name for name in INPUTS if not a.only or name.startswith(tuple(a.only))]
    print(f"{'input':34} {'took':>6} {'ping':>6} {'write':>6} {'alert':>6} {'rss MB':>7} died  answer")
    borne = 0
    try:
        with serve(folder) as url:
            probe = Probe(url)
            target = Target(url, folder, a.seconds)
            try:
                for name in names:
                    borne += _try(name, target, probe, folder / "data" / "state.json")
            finally:
                probe.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{len(names)} kinds tried, {borne} borne: nobody died, no latency over {_WORST_SECONDS:g} s")


def _try(name: str, target: Target, probe: Probe, state: Path) -> bool:
    probe.settle(_SETTLE_SECONDS)
    before = _pids(state)
    probe.begin(list(before.values()))
    begun = time.monotonic()
    answer = INPUTS[name](target)
    took = time.monotonic() - begun
    time.sleep(0.5)
    worst = probe.worst()
    died = [service for service, pid in before.items() if _pids(state).get(service) != pid]
    latencies = " ".join(f"{worst[what]:6.2f}" for what in ("ping", "write", "alert"))
    print(f"{name:34} {took:6.1f} {latencies} {worst['rss']:7.0f} {len(died):4}  {answer[:150]}", flush=True)
    target.clear()
    return not died and all(worst[what] <= _WORST_SECONDS for what in ("ping", "write", "alert"))


def _pids(state: Path) -> dict[str, int]:
    found: dict[str, Any] = json.loads(state.read_text("utf-8"))
    return {name: service["pid"] for name, service in found["services"].items()}


if __name__ == "__main__":
    main()
