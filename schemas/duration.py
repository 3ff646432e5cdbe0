"""Go's duration text, as Kapacitor's configuration and HTTP API use it."""

import re

_UNITS: dict[str, int] = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_TERM = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_INT64_MAX = 2**63 - 1


def parse_go_duration(text: str) -> int:
    """Nanoseconds of a Go duration such as ``1h30m``, ``-1.5s`` or ``0``.

    Raises ValueError where the text is no duration or does not fit into 64 bits.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, position = 0, 0
    while match := _TERM.match(rest, position):
        total += _nanoseconds(match[1], _UNITS[match[2]])
        position = match.end()
    if not rest or position != len(rest):
        raise ValueError(f"invalid duration {text!r}")
    if total > _INT64_MAX:
        raise ValueError(f"invalid duration {text!r}: out of range")
    return sign * total


def format_go_duration(nanoseconds: int) -> str:
    """The text that Go prints for a duration: ``1m30s``, ``1.5ms``, ``0s``."""
    if nanoseconds == 0:
        return "0s"
    sign, size = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    for unit, divisor in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if size < divisor * 1000:
            return f"{sign}{_decimal(size, divisor)}{unit}"
    minutes, rest = divmod(size, _UNITS["m"])
    seconds = f"{_decimal(rest, _UNITS['s'])}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _nanoseconds(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    exact = int(whole or "0") * unit
    return exact + int(fraction) * unit // 10 ** len(fraction) if fraction else exact


def _decimal(size: int, divisor: int) -> str:
    whole, rest = divmod(size, divisor)
    if not rest:
        return str(whole)
    return f"{whole}." + str(rest).zfill(len(str(divisor)) - 1).rstrip("0")
