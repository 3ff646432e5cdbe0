"""exec: run a command for each event, with the event as JSON on its standard input."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, post_load

from services.alerting.handler import Around, Refused, Unsent
from services.pipeline.spec import HandlerSpec, Properties, Type, argument

if TYPE_CHECKING:
    from services.alerting.event import Event

_SHOWN = 1000


@dataclass
class ExecProperties(Properties):
    """Which command."""

    prog: str = argument(Type.STRING, doc="The program.")
    args: list[str] = argument(Type.STRING, variadic=True, doc="Its arguments.")


@dataclass(frozen=True, slots=True)
class Options:
    """The program and its arguments."""

    prog: str
    args: tuple[str, ...]


class OptionsSchema(Schema):
    """{"prog": program, "args": [argument …]}"""

    prog = fields.String(load_default="", metadata={"doc": "The program."})
    args = fields.List(fields.String(), load_default=list, allow_none=True, metadata={"doc": "Its arguments."})

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(data["prog"], tuple(data["args"] or ()))


SPEC = HandlerSpec("exec", "ExecHandler", ExecProperties, __doc__ or "")
OPTIONS = OptionsSchema()


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Every command is taken; whether it can be run shows when an event comes."""


def timeout(options: Options) -> float:
    """For the command to end; it is killed then."""
    return 60.0


async def handle(event: Event, options: Options, around: Around) -> None:
    """Run the command and wait for it. One that fails has had the event and is not run again."""
    try:
        process = await asyncio.create_subprocess_exec(
            options.prog,
            *options.args,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except (FileNotFoundError, PermissionError, ValueError) as error:
        raise Refused(f"{options.prog}: {error}") from error
    except OSError as error:
        raise Unsent(f"{options.prog}: {error}") from error
    try:
        output, _ = await process.communicate(event.json())
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        shown = output[-_SHOWN:].decode("utf-8", "replace").strip()
        raise Refused(f"{options.prog} ended with {process.returncode}: {shown}")
