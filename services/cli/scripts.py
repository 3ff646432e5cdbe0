"""What commands that look at scripts without a server are given: what scripts may use, and what is known of points."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from grammar.golang.durations import parse_go_duration
from schemas.config import Config
from services.alerting.handlers import specs
from services.cli.errors import MistakenCall
from services.linting.sample import BadSample, Sample, read_sample
from services.nodes import ConfiguredNodes
from services.nodes.udf_host.functions import UdfFunctions
from services.pipeline.registry import Registry
from services.process.files import text_of

_PRECISIONS = ("n", "u", "ms", "s", "m", "h")
_LARGEST_SAMPLE = 1 << 26  # bytes


async def usable(config: Config) -> Registry:
    """What scripts may use with a configuration. Its functions are asked, for a few seconds at most, what they take."""
    async with UdfFunctions(config.udf.functions) as functions:
        # what watches every task is not the script's
        return replace(ConfiguredNodes(config.deadman)(specs(), dict(functions)), everywhere=None)


def takes_sample(function: Callable[..., int]) -> Callable[..., int]:
    """A decorator: the command has the options --sample, --precision and --interval, and its function is called with
    `sample` (a Sample, or None) and `interval` (ns, or None)."""

    @click.option("--sample", metavar="FILE", help="Line protocol as it is written: types, tags, intervals.")
    @click.option("--precision", type=click.Choice(_PRECISIONS), default="n", help="Of the sample's times.")
    @click.option("--interval", metavar="DURATION", help="How often points of a series are written, such as 10s.")
    @functools.wraps(function)
    def command(*arguments: Any, sample: str | None, precision: str, interval: str | None, **others: Any) -> int:
        every = _interval(interval)
        points = _sample(Path(sample), precision) if sample is not None else None
        return function(*arguments, sample=points, interval=every, **others)

    return command


def _sample(path: Path, precision: str) -> Sample:
    try:
        return read_sample(text_of(str(path), _LARGEST_SAMPLE).encode(), precision)
    except BadSample as error:
        raise MistakenCall(f"{path} is no line protocol: {error}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise MistakenCall(f"the sample {path} cannot be read: {reason or error}") from None


def _interval(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        interval = parse_go_duration(text)
    except ValueError:
        interval = 0
    if interval <= 0:
        raise click.UsageError(f"--interval is a duration such as 10s, not {text!r}.")
    return interval
