"""Scripts as users have them, no two alike: other names, measurements, fields, bounds, and other nodes in them."""

from __future__ import annotations

import random
from collections.abc import Callable

_FIELDS = ("usage_idle", "used_percent", "latency", "errors", "requests", "queue", "temperature", "iops")
_TAGS = ("host", "dc", "cpu", "device", "service", "path")
_FUNCTIONS = ("mean", "max", "min", "sum", "count", "median", "spread", "stddev", "last")
_TEAMS = ("web", "db", "cache", "mail", "batch", "search", "edge", "auth")


def distinct_scripts(count: int) -> dict[str, str]:
    """So many, by the id of their task."""
    return {f"task{number:05d}": _KINDS[number % len(_KINDS)](number, random.Random(number)) for number in range(count)}


def _from(number: int, draw: random.Random, suffix: str = "") -> str:
    by = ", ".join(f"'{tag}'" for tag in sorted(draw.sample(_TAGS, draw.randint(1, 3))))
    where = draw.choice(("", f"\n        .where(lambda: \"{draw.choice(_TAGS)}\" != '{draw.choice(_TEAMS)}{number}')"))
    return f"stream\n    |from()\n        .measurement('m{number}{suffix}')\n        .groupBy({by}){where}"


def _alert(number: int, draw: random.Random, field: str) -> str:
    low, high = draw.randint(1, 50), draw.randint(51, 100)
    options = draw.sample(
        (
            ".stateChangesOnly()",
            f".history({draw.randint(5, 21)})",
            f'\n        .info(lambda: "{field}" > {low / 2})',
            f'\n        .warnReset(lambda: "{field}" < {low - 1}.0)',
            ".noRecoveries()",
        ),
        draw.randint(1, 3),
    )
    return (
        f"\n    |alert()\n        .id('{draw.choice(_TEAMS)}/{number}/{{{{ .Group }}}}')"
        f"\n        .message('{{{{ .ID }}}} is {{{{ .Level }}}}: {{{{ index .Fields \"{field}\" }}}}')"
        f'\n        .warn(lambda: "{field}" > {low}.0)\n        .crit(lambda: "{field}" > {high}.0)'
        f"\n        {''.join(options)}\n        .topic('{draw.choice(_TEAMS)}')\n"
    )


def _alerting(number: int, draw: random.Random) -> str:
    return _from(number, draw) + _alert(number, draw, draw.choice(_FIELDS))


def _windowed(number: int, draw: random.Random) -> str:
    period, every = draw.randint(2, 30), draw.randint(1, 15)
    function = draw.choice(_FUNCTIONS)
    aligned = draw.choice(("", "\n        .align()"))
    return (
        f"{_from(number, draw)}\n    |window()\n        .period({period}m)\n        .every({every}m){aligned}"
        f"\n    |{function}('{draw.choice(_FIELDS)}')\n        .as('value')" + _alert(number, draw, "value")
    )


def _computed(number: int, draw: random.Random) -> str:
    one, other = draw.sample(_FIELDS, 2)
    derived = draw.choice(
        (
            f'100.0 - "{one}"',
            f'"{one}" / ("{other}" + {number}.0)',
            f'if("{one}" > {number}.0, sqrt("{other}"), 0.0)',
            f'sigma("{one}")',
        )
    )
    smoothed = draw.choice(
        ("", "\n    |movingAverage('derived', 5)\n        .as('derived')", "\n    |changeDetect('derived')")
    )
    return (
        f"{_from(number, draw)}\n    |eval(lambda: {derived})\n        .as('derived')\n        .keep()"
        f'{smoothed}\n    |where(lambda: "derived" > {draw.randint(1, 9)}.0)' + _alert(number, draw, "derived")
    )


def _joined(number: int, draw: random.Random) -> str:
    by, field = draw.choice(_TAGS), draw.choice(_FIELDS)
    return (
        f"var errors{number} = stream\n    |from()\n        .measurement('errors{number}')\n        .groupBy('{by}')\n"
        f"    |window()\n        .period(1m)\n        .every(1m)\n    |sum('{field}')\n\n"
        f"var views{number} = stream\n    |from()\n        .measurement('views{number}')\n        .groupBy('{by}')\n"
        f"    |window()\n        .period(1m)\n        .every(1m)\n    |sum('{field}')\n\n"
        f"errors{number}\n    |join(views{number})\n        .as('errors', 'views')"
        f"\n        .tolerance({draw.randint(1, 30)}s)"
        f'\n    |eval(lambda: "errors.sum" / "views.sum")\n        .as(\'rate\')' + _alert(number, draw, "rate")
    )


def _with_vars(number: int, draw: random.Random) -> str:
    field, function = draw.choice(_FIELDS), draw.choice(_FUNCTIONS)
    return (
        f"var name = '{draw.choice(_TEAMS)} {number}'\nvar measurement = 'm{number}'\n"
        f"var groups = ['{draw.choice(_TAGS)}']\n"
        f"var field = '{field}'\nvar period = {draw.randint(1, 60)}m\nvar crit = {draw.randint(1, 1000)}.0\n"
        f"var whereFilter = lambda: (\"{draw.choice(_TAGS)}\" == '{draw.choice(_TEAMS)}')\n"
        f"var idVar = name + '-{{{{.Group}}}}'\n\n"
        "var data = stream\n    |from()\n        .measurement(measurement)\n        .groupBy(groups)\n"
        "        .where(whereFilter)\n    |window()\n        .period(period)\n        .every(period)\n        .align()"
        f"\n    |{function}(field)\n        .as('value')"
        '\n\nvar trigger = data\n    |alert()\n        .crit(lambda: "value" > crit)\n        .stateChangesOnly()'
        f"\n        .message('{{{{.ID}}}} is {{{{.Level}}}}')\n        .id(idVar)"
        f"\n        .topic('{draw.choice(_TEAMS)}')\n"
        f"\ntrigger\n    |httpOut('output{number % 7}')\n"
    )


_KINDS: tuple[Callable[[int, random.Random], str], ...] = (_alerting, _windowed, _computed, _joined, _with_vars)
