"""Lines per second of reading line protocol, on bodies of Telegraf-like cpu lines.

Run as `python tests/bench/lineprotocol.py`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

from services.lineprotocol.keytable import KeyTable
from services.lineprotocol.lines import Lines, Payload, decode
from services.lineprotocol.validate import check
from services.lineprotocol.write import encode_columns

_NAMES = ["user", "system", "nice", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"]


def bodies(count: int, lines: int, digits: int) -> list[bytes]:
    """`count` bodies of `lines` lines: three tags, ten float fields with `digits` decimals, 400 series."""
    rnd = random.Random(7)
    made = []
    for number in range(count):
        body = []
        for i in range(number * lines, (number + 1) * lines):
            second, series = divmod(i, 400)
            host, cpu = divmod(series, 4)
            fields = ",".join(f"usage_{name}={rnd.random() * 10:.{digits}f}" for name in _NAMES)
            idle = f"{rnd.random() * 100:.{digits}f}"
            stamp = (1_700_000_000 + second) * 10**9
            body.append(
                f"cpu,cpu=cpu{cpu},dc=eu-west-{host % 3},host=server{host:03d} usage_idle={idle},{fields} {stamp}"
            )
        made.append("\n".join(body).encode())
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5000, help="lines a body")
    parser.add_argument("--digits", type=int, default=3, help="decimals of each float")
    parser.add_argument("--rounds", type=int, default=30, help="the best of so many counts")
    options = parser.parse_args()
    made = bodies(2, options.lines, options.digits)
    table = KeyTable()
    known: dict[bytes, int] = {}

    def best(what: str, lines: int, work: Callable[[int], object]) -> None:
        least = float("inf")
        for i in range(options.rounds):
            begin = time.perf_counter()
            work(i)
            least = min(least, time.perf_counter() - begin)
        print(f"{what:44s}{lines / least:14,.0f} /s{least * 1e6:12,.0f} µs")

    def read(i: int) -> Lines:
        return decode([Payload(made[i % 2], "n", 0)])[0]

    def numbered(i: int) -> Lines:
        lines = read(i)
        lines.number_keys(table, lambda key: known.setdefault(key, len(known)))
        return lines

    def columns(i: int, names: list[str]) -> None:
        lines = numbered(i)
        for name in names:
            assert lines.column(name, None) is not None

    every = ["usage_idle", *(f"usage_{name}" for name in _NAMES)]
    line = made[0].split(b"\n", 1)[0]
    small = [Payload(text, "n", 0) for text in made[0].split(b"\n")]
    kept = read(0)
    n = options.lines
    best("check", n, lambda i: check(made[i % 2], "n"))
    best("check, one line", 1, lambda i: check(line, "n"))
    best("decode", n, read)
    best("decode, number series", n, numbered)
    best("decode, number series, one column", n, lambda i: columns(i, every[:1]))
    best("decode, number series, all columns", n, lambda i: columns(i, every))
    best("decode, number series, names", n, lambda i: numbered(i).names(None))
    best("decode, a payload a line", n, lambda i: decode(small))
    best("decode, one payload of one line", 1, lambda i: decode(small[:1]))
    fields = {name: column for name in every if (column := kept.column(name, None)) is not None}
    written = kept.keys()
    keys = [key.decode() for key in written]
    times = kept.time.tolist()
    best("write", n, lambda i: encode_columns(keys, fields, times))


if __name__ == "__main__":
    main()
