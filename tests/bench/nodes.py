"""What nodes cost: CPU µs a point and a step, one script after another, without server and NATS.

    python -m tests.bench.nodes                    # all of them, at 100 and at 10,000 hosts
    python -m tests.bench.nodes top flatten        # some of them
    python -m tests.bench.nodes --small            # µs a step of few points at 100 hosts

Points are Telegraf-like: a second after the other, in each of them four cpus of every host, ten float fields and an
int. `node` is what the nodes behind `from` take, `graph` all of them; both as µs a point that came in. Behind each
script there is httpOut, which wants all fields and costs what stands at its own name.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np

from grammar.tickscript.parser import parse
from services.columns.column import Column, IntArray, Kind, Rows
from services.columns.frame import Points, Step
from services.columns.groups.series import Series, SeriesTable
from services.nodes import classes, registry
from services.pipeline.compiler.compile import compile_script
from services.process.log import Log
from services.runtime.flow import flow
from services.runtime.input.line_protocol_decoder import LogBatch
from services.runtime.task import TaskRun

_CPU = "stream|from().measurement('cpu')"
_HOST = _CPU + ".groupBy('host')"
_SERIES = _CPU + ".groupBy('host','cpu')"
_WINDOW = "|window().period(10s).every(10s)"
_CRIT = '|alert().crit(lambda: "usage_idle" < 1.0)'

SCRIPTS = {
    "groupBy": _CPU + "|groupBy('host')",
    "where": _HOST + "|where(lambda: \"usage_idle\" < 50.0)",
    "eval": _HOST + "|eval(lambda: 100.0 - \"usage_idle\").as('used').keep()",
    "httpOut": _HOST,
    "window+mean": _HOST + _WINDOW + "|mean('usage_idle')",
    "window+top": _CPU + ".groupBy('dc')" + _WINDOW + "|top(5, 'usage_user', 'host')",
    "top": _HOST + "|top(2, 'usage_user', 'cpu')",
    "bottom": _HOST + "|bottom(2, 'usage_user')",
    "flatten": _HOST + "|flatten().on('cpu')",
    "join": (
        f"var a = {_HOST}\nvar b = stream|from().measurement('mem').groupBy('host')\n"
        "a|join(b).as('a','b').tolerance(1s)"
    ),
    "union": (
        f"var a = {_CPU}.where(lambda: \"cpu\" == 'cpu0').groupBy('host')\n"
        f"var b = {_CPU}.where(lambda: \"cpu\" != 'cpu0').groupBy('host')\na|union(b)"
    ),
    "stateDuration": _SERIES + '|stateDuration(lambda: "usage_idle" < 50.0).unit(1s)',
    "stateCount": _SERIES + '|stateCount(lambda: "usage_idle" < 50.0)',
    "derivative": _SERIES + "|derivative('usage_user').unit(1s)",
    "movingAverage": _SERIES + "|movingAverage('usage_idle', 10)",
    "changeDetect": _SERIES + "|changeDetect('state')",
    "alert": _HOST + _CRIT,
    "alert, changes": _HOST + _CRIT + ".stateChangesOnly()",
    "alert, pause": _HOST + _CRIT + ".stateChangesOnly(10m)",
    "alert, resets": _HOST + '|alert().warn(lambda: "usage_idle" < 30.0).warnReset(lambda: "usage_idle" > 50.0)'
    '.crit(lambda: "usage_idle" < 10.0).critReset(lambda: "usage_idle" > 40.0).stateChangesOnly()',
    "alert, flapping": _HOST + _CRIT + ".flapping(0.25, 0.5)",
}  # fmt: skip

_FIELDS = ("idle", "user", "system", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
_CPUS, _DCS, _BEGIN = 4, 3, 1_700_000_000


class _Source:
    """Columns that are there and yet taken only when asked for, as those of a message are."""

    def __init__(self, columns: dict[str, Column]) -> None:
        self._columns = columns

    def columns(self, names: Sequence[str], rows: Rows | None) -> list[Column | None]:
        found = [self._columns.get(name) for name in names]
        return [column if column is None or rows is None else column.take(rows) for column in found]

    def names(self, rows: Rows | None) -> list[str]:
        return sorted(self._columns)

    def pick(self, rows: Rows) -> _Source:
        return _Source({name: column.take(rows) for name, column in self._columns.items()})


class _Feed:
    """Points of some hosts, step by step, and the task that they go through."""

    def __init__(self, script: str, hosts: int) -> None:
        self._table = SeriesTable()
        graph = compile_script(parse(script + "|httpOut('o')"), registry({}, {})).graph
        self.run = TaskRun("t", graph, (("db", "rp"),), classes(), self._table, Log("bench"))
        self._names = {"cpu": 0, "mem": 1}
        every: list[list[tuple[str, int]]] = []
        for host in range(hosts):
            tags = (("dc", f"dc{host % _DCS}"), ("host", f"server{host:05d}"))
            own = [("cpu", self._number("cpu", (("cpu", f"cpu{cpu}"), *tags))) for cpu in range(_CPUS)]
            every.append([*own, ("mem", self._number("mem", tags))] if "'mem'" in script else own)
        flat = [one for some in every for one in some]
        self._series = np.array([number for _, number in flat], dtype=np.int32)
        self._name = np.array([self._names[name] for name, _ in flat], dtype=np.int32)
        self._random = np.random.default_rng(7)
        self._values = {f"usage_{name}": self._random.random(len(flat)) * 100 for name in _FIELDS}
        self._at = self._seq = 0

    def batch(self, points: int) -> LogBatch:
        """The next so many points."""
        self._seq += 1
        place: IntArray = np.arange(self._at, self._at + points)
        self._at += points
        second, which = place // len(self._series), place % len(self._series)
        shift = int(self._random.integers(len(self._series)))
        columns = {n: Column(Kind.FLOAT, np.roll(v, shift)[which]) for n, v in self._values.items()}
        columns["state"] = Column(Kind.INT, (columns["usage_idle"].values < 90).astype(np.int64))
        time_ns = (_BEGIN + second) * 10**9
        seq = np.full(points, self._seq, dtype=np.int64)
        step = Step(seq, np.arange(points, dtype=np.int32), time_ns, int(time_ns[-1]))
        series = self._series[which]
        return LogBatch("db", "rp", Points(time_ns, series, None, _Source(columns)), self._name[which], step)

    def step(self, batch: LogBatch) -> None:
        """Have the task go through it."""
        names = self.run.measurements
        self.run.step(batch, None if names is None else frozenset(self._names[name] for name in names))
        self.run.effects.clear()

    def busy(self) -> tuple[int, int]:
        """ns of CPU so far: in the nodes behind `from`, and in all of them."""
        each = [(node.spec.name, self.run.context(node.name).statistics.busy_ns) for node, _ in self.run.nodes()]
        return sum(ns for name, ns in each if name not in ("stream", "from")), sum(ns for _, ns in each)

    def _number(self, name: str, tags: tuple[tuple[str, str], ...]) -> int:
        return self._table.number(Series("db", "rp", name, tags))


def measured(script: str, hosts: int, points: int, warm: int, steps: int) -> Iterator[tuple[float, float]]:
    """µs that the nodes behind `from`, and the whole step, take: of each of so many steps, behind the warm ones."""
    feed = _Feed(script, hosts)
    for _ in range(max(1, warm // points)):
        feed.step(feed.batch(points))
    for _ in range(steps):
        batch = feed.batch(points)
        begin, before = time.thread_time_ns(), feed.busy()[0]
        feed.step(batch)
        yield (feed.busy()[0] - before) / 1000, (time.thread_time_ns() - begin) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)}; all unless given")
    parser.add_argument("--points", type=int, default=5000, help="points a step")
    parser.add_argument("--small", action="store_true", help="steps of 1, 10 and 100 points")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    options = parser.parse_args()
    flow.time = SimpleNamespace(perf_counter_ns=time.thread_time_ns)  # type: ignore[assignment]
    for name in options.scripts or SCRIPTS:
        print(f"{name:18s}", *(_small if options.small else _large)(SCRIPTS[name], options), sep="  ", flush=True)


def _large(script: str, options: argparse.Namespace) -> Iterator[str]:
    for hosts in (100, 10_000):
        # ten seconds of all hosts are what a window needs to be full
        warm, steps = hosts * _CPUS * 11, max(hosts * _CPUS * 10 // options.points, 20)
        rounds = [list(measured(script, hosts, options.points, warm, steps)) for _ in range(options.rounds)]
        node = min(sum(one for one, _ in steps) for steps in rounds)
        whole = min(sum(one for _, one in steps) for steps in rounds)
        count = steps * options.points
        yield f"{hosts:6d} hosts: node {node / count:6.3f}, graph {whole / count:6.3f} µs a point"


def _small(script: str, options: argparse.Namespace) -> Iterator[str]:
    for points in (1, 10, 100):
        rounds = [list(measured(script, 100, points, 5000, 300)) for _ in range(options.rounds)]
        node = min(statistics.median(one for one, _ in steps) for steps in rounds)
        whole = min(statistics.median(one for _, one in steps) for steps in rounds)
        yield f"{points:4d} points: node {node:5.0f}, graph {whole:5.0f} µs a step"


if __name__ == "__main__":
    main()
