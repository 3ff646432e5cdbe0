"""What the benches feed servers with: scripts and line protocol bodies, the same for every server."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator

_FROM_CPU = "stream|from().measurement('cpu')"
_BY_HOST = _FROM_CPU + ".groupBy('host')"
_ALERT = (
    _BY_HOST + '|alert().id(\'{{ index .Tags "host" }}\').crit(lambda: "usage_idle" < 1.0).stateChangesOnly()'
    "|httpOut('o')"
)
_OTHER = "stream|from().measurement('other%d')|alert().crit(lambda: \"value\" > 1.0)"

_MEASUREMENTS = tuple(f"m{number:02d}" for number in range(20))

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
    "texts": [
        "stream|from().measurement('requests').groupBy('host')"
        '|where(lambda: isPresent("user") AND "ok" == FALSE AND "status" >= 500)'
        "|eval(lambda: \"bytes\" / 2, lambda: \"user\" + '@' + \"agent\").as('half', 'who').keep()|httpOut('o')"
    ],
    "mixed": [
        "\n".join(
            f"stream|from().measurement('{name}').groupBy('host')|window().period(10s).every(10s)|mean('a')"
            f"|httpOut('{name}')"
            for name in _MEASUREMENTS
        )
    ],
    "tiny": [_ALERT],
}
"""texts: strings, ints and booleans, with escapes and missing fields. mixed: 20 measurements in a body."""

_FIELDS = ("user", "system", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
_CPUS = 4
_USERS = ('"ann"', '"O\\"Brien"', '"back\\\\slash, comma=equals"', '"Zoë Åberg"')
_BEGIN = 1_700_000_000


def bodies(workload: str, points: int, per_body: int, hosts: int) -> list[bytes]:
    """What a workload writes: Telegraf-like cpu lines with three tags and ten float fields (246 bytes), four cpus a
    host and second, unless the workload is about other lines."""
    made = _LINES.get(workload, _cpu_lines)(random.Random(7), hosts)
    out: list[bytes] = []
    for begin in range(0, points, per_body):
        lines = [next(made) for _ in range(min(per_body, points - begin))]
        out.append("\n".join(lines).encode())
    return out


def _cpu_lines(rnd: random.Random, hosts: int) -> Iterator[str]:
    for second in itertools.count(_BEGIN):
        for host in range(hosts):
            for cpu in range(_CPUS):
                yield _cpu(rnd, host, cpu, second)


def _cpu_and_mem_lines(rnd: random.Random, hosts: int) -> Iterator[str]:
    """One mem line a host and second besides."""
    for second in itertools.count(_BEGIN):
        for host in range(hosts):
            for cpu in range(_CPUS):
                yield _cpu(rnd, host, cpu, second)
                if cpu == 0:
                    yield _mem(rnd, host, second)


def _request_lines(rnd: random.Random, hosts: int) -> Iterator[str]:
    """Requests of a web server, each field but one missing now and then."""
    for second in itertools.count(_BEGIN):
        for number in range(hosts * _CPUS):
            fields = [
                f"status={rnd.choice((200, 200, 200, 404, 503))}i",
                f"bytes={rnd.randrange(1 << 20)}i",
                f"ok={rnd.choice(('true', 'false', 't', 'F'))}",
                f"user={rnd.choice(_USERS)}",
                f'agent="Mozilla/5.0 (X11; Linux), like {number % 7}"',
                f"cached={rnd.choice(('T', 'FALSE'))}",
                f"attempt={number % 3}i",
            ]
            there = [field for field in fields if rnd.random() < 0.8]
            path = f"/shop\\ items/{number % _CPUS}\\,new"
            yield (
                f"requests,host=server{number // _CPUS:03d},path={path} "
                f"{','.join([*there, f'took={rnd.random():.4f}'])} {second}000000000"
            )


def _mixed_lines(rnd: random.Random, hosts: int) -> Iterator[str]:
    """Twenty measurements one after another, as an agent sends what it has gathered."""
    for second in itertools.count(_BEGIN):
        for host in range(hosts):
            for name in _MEASUREMENTS:
                values = ",".join(f"{field}={rnd.random() * 100:.3f}" for field in "abcde")
                yield f"{name},dc=eu-west-{host % 3},host=server{host:03d} {values} {second}000000000"


_LINES: dict[str, Callable[[random.Random, int], Iterator[str]]] = {
    "join": _cpu_and_mem_lines,
    "texts": _request_lines,
    "mixed": _mixed_lines,
}


def _cpu(rnd: random.Random, host: int, cpu: int, second: int) -> str:
    rest = ",".join(f"usage_{name}={rnd.random() * 10:.3f}" for name in _FIELDS)
    idle = rnd.random() * 100
    return (
        f"cpu,cpu=cpu{cpu},dc=eu-west-{host % 3},host=server{host:03d} usage_idle={idle:.3f},{rest} {second}000000000"
    )


def _mem(rnd: random.Random, host: int, second: int) -> str:
    used, free = rnd.random() * 100, rnd.random() * 100
    return f"mem,dc=eu-west-{host % 3},host=server{host:03d} used={used:.3f},free={free:.3f} {second}000000000"
