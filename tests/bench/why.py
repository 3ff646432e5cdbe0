"""How long `why` takes for random alerts, wherever they lie in the log: writes one, and asks.

python -m tests.bench.why http://127.0.0.1:9092 [--points 2000000] [--rate 100000] [--fields 1] [--asked 20]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from typing import Any
from urllib.parse import quote

from grammar.golang.times import format_rfc3339
from tests.bench.client import connect, define, request

_TASK, _TOPIC, _HOSTS, _ROUNDS = "bench_why", "bench_why", 100, 50
_SECOND = 10**9
_SCRIPT = f"""
stream|from().measurement('m').groupBy('host')
    |where(lambda: "unit" == 'ms')
    |window().period(60s).every(10s)
    |mean('x')
    |alert().crit(lambda: "mean" > 50.0).stateChangesOnly().topic('{_TOPIC}')
"""


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("url")
    p.add_argument("--points", type=int, default=2_000_000)
    p.add_argument("--asked", type=int, default=20)
    p.add_argument("--rate", type=int, default=100_000, help="points a second")
    p.add_argument("--fields", type=int, default=1, help="of a point; the task reads one")
    a = p.parse_args()
    define(a.url, _TASK, _SCRIPT)
    begun = time.time_ns() // _SECOND * _SECOND - a.points // _HOSTS * _SECOND
    bytes_ = _write(a.url, a.points, begun, a.rate, a.fields)
    _settled(a.url, a.points)
    took, first = [], []
    for _ in range(a.asked):
        at = format_rfc3339(begun + random.randrange(a.points // _HOSTS // 10, a.points // _HOSTS) * _SECOND)
        path = f"/kapacitor/v1/alerts/topics/{_TOPIC}/events/{quote(f'm:host=h{random.randrange(_HOSTS)}')}/why"
        asked = time.perf_counter()
        status, answer = request(a.url, "GET", f"{path}?at={quote(at)}")
        took.append(time.perf_counter() - asked)
        found: dict[str, Any] = json.loads(answer)
        if status != 200 or not found["agrees"]:
            raise SystemExit(f"{status} {answer[:1000]!r}")
        first.append(found["cause"]["seq"] - found["from"]["position"])
    took.sort()
    figures = {"median_s": statistics.median(took), "p95_s": took[int(len(took) * 0.95)], "max_s": took[-1]}
    print(
        json.dumps(
            {
                "points": a.points,
                "log_mib": bytes_ >> 20,
                "gone_through_again_messages": round(statistics.median(first)),
                **{name: round(value, 2) for name, value in figures.items()},
            }
        )
    )


def _write(url: str, points: int, begun: int, rate: int, fields: int) -> int:
    """Write so many points, one a second and host; each host is bad for a while now and then."""
    writer, bytes_ = connect(url), 0
    others = "".join(f",usage_number_{i}={i * 7.123:.3f}" for i in range(fields - 1))
    now = time.perf_counter()
    for block in range(points // (_HOSTS * _ROUNDS)):
        lines = []
        for i in range(block * _ROUNDS, (block + 1) * _ROUNDS):
            for host in range(_HOSTS):
                x = 90 if (i + 7 * host) % 700 < 100 else (i * 31 + host) % 40
                lines.append(f"m,host=h{host},unit=ms x={x}{others} {begun + i * _SECOND}")
        body = "\n".join(lines).encode()
        bytes_ += len(body)
        writer.request("POST", "/kapacitor/v1/write?db=telegraf&rp=autogen", body)
        answer = writer.getresponse()
        answer.read()
        if answer.status != 204:
            raise SystemExit(f"write failed: {answer.status}")
        time.sleep(max(now + (block + 1) * _HOSTS * _ROUNDS / rate - time.perf_counter(), 0.0))
    return bytes_


def _settled(url: str, points: int) -> None:
    """Wait until the task has seen all of it."""
    while True:
        _, answer = request(url, "GET", f"/kapacitor/v1/tasks/{_TASK}")
        if json.loads(answer)["stats"]["node-stats"]["from1"]["emitted"] >= points // 5000 * 5000:
            return
        time.sleep(0.2)


if __name__ == "__main__":
    main()
