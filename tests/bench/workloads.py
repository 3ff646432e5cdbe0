"""What the benches feed servers with: scripts and line protocol bodies, the same for every server."""

from __future__ import annotations

import random

_FROM_CPU = "stream|from().measurement('cpu')"
_BY_HOST = _FROM_CPU + ".groupBy('host')"
_ALERT = (
    _BY_HOST + '|alert().id(\'{{ index .Tags "host" }}\').crit(lambda: "usage_idle" < 1.0).stateChangesOnly()'
    "|httpOut('o')"
)
_OTHER = "stream|from().measurement('other%d')|alert().crit(lambda: \"value\" > 1.0)"

WORKLOADS: dict[str, list[str]] = {
    "none": [],
    "window": [_BY_HOST + "|window().period(10s).every(10s)|mean('usage_idle')|httpOut('o')"],
    "eval": [
        _FROM_CPU + "|eval(lambda: 100.0 - \"usage_idle\").as('used').keep()"
        "|where(lambda: \"used\" > 99.9)|httpOut('o')"
    ],
    "alert": [_ALERT],
    "state": [
        _FROM_CPU + ".groupBy('host','cpu')|stateDuration(lambda: \"usage_idle\" < 50.0).unit(1s)"
        "|derivative('usage_user').unit(1s)|httpOut('o')"
    ],
    "join": [
        f"var a = {_BY_HOST}\nvar b = stream|from().measurement('mem').groupBy('host')\n"
        "a|join(b).as('a','b').tolerance(1s)|httpOut('o')"
    ],
    "union": [
        f"var a = {_FROM_CPU}.where(lambda: \"cpu\" == 'cpu0')\nvar b = {_FROM_CPU}.where(lambda: \"cpu\" != 'cpu0')\n"
        "a|union(b)|httpOut('o')"
    ],
    "top": [_FROM_CPU + ".groupBy('dc')|window().period(10s).every(10s)|top(5, 'usage_user', 'host')|httpOut('o')"],
    "movavg": [_FROM_CPU + ".groupBy('host','cpu')|movingAverage('usage_idle', 10)|httpOut('o')"],
    "flatten": [_BY_HOST + "|flatten().on('cpu')|httpOut('o')"],
    "tasks100": [_ALERT] * 100,
    "tasks1000idle": [_ALERT] + [_OTHER % i for i in range(999)],
    "tiny": [_ALERT],
}

_FIELDS = ("user", "system", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
_CPUS = 4


def bodies(points: int, per_body: int, hosts: int, mem: bool = False) -> list[bytes]:
    """Telegraf-like bodies: cpu with three tags and ten float fields (246 bytes a line), four cpus a host and second.

    `mem` adds one mem line a host and second.
    """
    rnd = random.Random(7)
    out: list[bytes] = []
    lines: list[str] = []
    second, made = 1_700_000_000, 0
    while made < points:
        for host in range(hosts):
            for cpu in range(_CPUS):
                lines.append(_cpu(rnd, host, cpu, second))
                made += 1
                if mem and cpu == 0:
                    lines.append(_mem(rnd, host, second))
                    made += 1
                if len(lines) >= per_body:
                    out.append("\n".join(lines).encode())
                    lines = []
        second += 1
    if lines:
        out.append("\n".join(lines).encode())
    return out


def _cpu(rnd: random.Random, host: int, cpu: int, second: int) -> str:
    rest = ",".join(f"usage_{name}={rnd.random() * 10:.3f}" for name in _FIELDS)
    idle = rnd.random() * 100
    return (
        f"cpu,cpu=cpu{cpu},dc=eu-west-{host % 3},host=server{host:03d} usage_idle={idle:.3f},{rest} {second}000000000"
    )


def _mem(rnd: random.Random, host: int, second: int) -> str:
    used, free = rnd.random() * 100, rnd.random() * 100
    return f"mem,dc=eu-west-{host % 3},host=server{host:03d} used={used:.3f},free={free:.3f} {second}000000000"
