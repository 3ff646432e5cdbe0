"""Lines per second of reading line protocol, on bodies of Telegraf-like cpu lines.

Run as `python tests/bench/lineprotocol.py`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable

import numpy as np

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


def strings(lines: int) -> bytes:
    """Lines of strings with escapes, ints and booleans, of which some are missing; escapes in names and tags."""
    made = []
    for i in range(lines):
        extra = f",extra={i}i" if i % 3 else ""
        ok = "true" if i % 2 else "f"
        made.append(
            f'log\\ line,host=server{i // 4 % 100:03d},path=/a\\ b msg="user \\"{i % 50}\\" said, hello = {i % 7}",'
            f'level="warn",code={i % 9}i,ok={ok}{extra} {1_700_000_000 + i // 400}000000000'
        )
    return "\n".join(made).encode()


def mixed(lines: int) -> bytes:
    """Lines of twenty measurements in turn."""
    made = []
    for i in range(lines):
        fields = f"a={i % 1000 / 1000:.3f},b={i}i,c={i % 777 / 7:.2f}"
        made.append(f"m{i % 20},host=server{i // 20 % 50:03d} {fields} {1_700_000_000 + i // 400}000000000")
    return "\n".join(made).encode()


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
        assert None not in numbered(i).columns(names, None)

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
    texts, many = Payload(strings(n), "n", 0), Payload(mixed(n), "n", 0)
    of_texts = ["msg", "level", "code", "ok", "extra"]
    best("decode strings, five columns", n, lambda i: decode([texts])[0].columns(of_texts, None))
    of_each = [np.arange(first, n, 20) for first in range(20)]

    def by_measurement(i: int) -> None:
        lines = decode([many])[0]
        for rows in of_each:
            lines.columns(["a", "b"], rows)

    best("decode 20 measurements, two columns of each", n, by_measurement)
    best("decode, a payload a line", n, lambda i: decode(small))
    best("decode, one payload of one line", 1, lambda i: decode(small[:1]))
    fields = {name: column for name in every if (column := kept.column(name, None)) is not None}
    written = kept.keys()
    keys = [key.decode() for key in written]
    times = kept.time.tolist()
    best("write", n, lambda i: encode_columns(keys, fields, times))


if __name__ == "__main__":
    main()
