"""``tickbus streams``: what tickbus keeps on a NATS, how it is kept and should be, and what it has to be permitted."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import click
import orjson

from grammar.golang.durations import format_go_duration
from schemas.config import Config
from services.bus.account.permissions import Limits, Permissions, limits, nsc_lines, permissions, server_block
from services.bus.account.settings import names_of, wishes_of
from services.bus.inventory import Listed, advice
from services.cli.bus_command import connect, run_and_print
from services.cli.go_flags import Command
from services.cli.options import Settings, takes_settings
from services.cli.output.printing import as_json
from services.cli.output.tables import aligned
from services.launcher.launcher import worker_count

_HEADS = ("NAME", "KIND", "MESSAGES", "BYTES", "FIRST", "LAST", "WRITTEN", "REPLICAS", "MAX AGE", "MAX BYTES")
_NUMBERS = frozenset(at for at, head in enumerate(_HEADS) if head not in ("NAME", "KIND", "WRITTEN"))
_SYNC = re.compile(r'^\s*sync_interval:\s*"?(\w+)"?\s*$', re.MULTILINE)
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@click.command(cls=Command)
@takes_settings("data-dir", "nats")
@as_json
@click.option("--nsc", is_flag=True, help="What a user needs to be permitted, as commands of nsc.")
@click.option("--nats-conf", is_flag=True, help="The same as a block for the file of nats-server.")
@click.argument("what", required=False, type=click.Choice(["apply"]), metavar="[apply]")
def command(settings: Settings, json: bool, nsc: bool, nats_conf: bool, what: str | None) -> int:
    """List what lies on NATS: how much it is, how it is kept, what to set.

    With `apply`, have what is there be kept as [nats] says.
    """
    if json + nsc + nats_conf > 1:
        raise click.UsageError("--json, --nsc and --nats-conf exclude each other")
    if nsc or nats_conf:
        print(needed(settings.config, nsc))
        return 0
    return apply(settings) if what else streams(settings, json)


def streams(settings: Settings, as_json: bool) -> int:
    """Print them, as a table for people or as JSON; the exit code."""
    return run_and_print("streams", settings, lambda: _run(settings.config, as_json))


def apply(settings: Settings) -> int:
    """Have what is there be kept as the configuration says, and print what has changed; the exit code."""
    return run_and_print("streams apply", settings, lambda: _apply(settings.config))


def needed(config: Config, for_nsc: bool) -> str:
    """What a user has to be permitted that all of tickbus runs as; no NATS is asked."""
    granted = permissions(names_of(config.nats))
    return nsc_lines(granted, _limits(config)) if for_nsc else server_block(granted)


def _limits(config: Config) -> Limits:
    return limits(wishes_of(config.nats), worker_count(config))


async def _apply(config: Config) -> str:
    """Each change is printed once it is made: what was done stays told where the next one is refused or broken off."""
    changed = False
    async with await connect(config, "streams") as bus:
        async for one in bus.apply(wishes_of(config.nats)):
            changed = True
            print(f"{one.name}: {one.setting} {one.present} -> {one.wanted}", flush=True)
    return "" if changed else "nothing to change"


async def _run(config: Config, as_json: bool) -> str:
    async with await connect(config, "streams") as bus:
        survey = await bus.survey(wishes_of(config.nats))
        found = await bus.listed()
        names = bus.names
    sync = _sync(config)
    hints = advice(found, sync)
    found = [replace(one, name=names.stream(one.name)) for one in found]
    granted, room = permissions(names), _limits(config)
    if as_json:
        report = {
            "streams": [asdict(one) for one in found],
            "missing": survey.missing,
            "differences": [asdict(one) for one in survey.differences],
            "permissions": asdict(granted),
            "limits": asdict(room),
            "sync": sync or None,
            "advice": hints,
        }
        return orjson.dumps(report, option=orjson.OPT_INDENT_2).decode()
    lines = [aligned([_HEADS, *map(_row, found)], _NUMBERS), "", f"sync: {sync or 'NATS does not tell'}"]
    if survey.missing:
        lines.append(f"made when they are needed: {', '.join(survey.missing)}")
    lines += [f"- {one}" for one in survey.differences]
    if survey.differences:
        lines.append("- `tickbus streams apply` changes what is there to what is wanted")
    lines += [f"- {hint}" for hint in hints]
    return "\n".join([*lines, "", *_said(granted, room)])


def _said(granted: Permissions, room: Limits) -> list[str]:
    return [
        f"the account grants at least: streams {room.streams}, consumers of a stream {room.consumers}, storage "
        f"{_size(room.storage)} and what is defined, memory {_size(room.memory)}",
        f"the user may publish to {len(granted.publish)} subjects and subscribe to {', '.join(granted.subscribe)}: "
        "--nats-conf and --nsc print them for pasting",
    ]


def _sync(config: Config) -> str:
    """How often the NATS of a `tickbus serve` syncs, by the file that it was started with; "" of any other."""
    if config.nats.url:
        return ""
    try:
        found = _SYNC.search((config.data_dir / "nats" / "nats.conf").read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return found[1] if found else ""


def _row(one: Listed) -> tuple[str, ...]:
    age = format_go_duration(round(one.max_age * 1e9)) if one.max_age else "-"
    written = one.last_time.partition(".")[0].removesuffix("Z").replace("T", " ") if one.last else "-"
    return (
        one.name,
        one.kind,
        str(one.messages),
        _size(one.bytes),
        str(one.first),
        str(one.last),
        written,
        str(one.replicas),
        age,
        _size(one.max_bytes) if one.max_bytes else "-",
    )


def _size(count: float) -> str:
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count, unit = count / 1024, unit + 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count} {_UNITS[unit]}"
