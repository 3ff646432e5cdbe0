"""log: append each event to a file as one line of JSON. The file is made where it does not exist."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, post_load

from services.alerting.handler import Around, Unsent
from services.pipeline.spec import HandlerSpec, Properties, Type, argument, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

_MODE = 0o600


@dataclass
class LogProperties(Properties):
    """Which file."""

    path: str = argument(Type.STRING, doc="The file's absolute path.")
    mode: int = prop(Type.INT, default=0, doc="The file's permissions, as octal; 0600 unless set.")


@dataclass(frozen=True, slots=True)
class Options:
    """Which file, and its permissions where it is made."""

    path: str
    mode: int


class OptionsSchema(Schema):
    """{"path": absolute path, "mode": permissions as a number}"""

    path = fields.String(load_default="", metadata={"doc": "The file's absolute path."})
    mode = fields.Integer(
        load_default=_MODE, strict=True, metadata={"doc": "The file's permissions as a number; 384 (0600) unless set."}
    )

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(**data)


def options_of(properties: LogProperties) -> dict[str, Any]:
    """A script's properties as options."""
    return {"path": properties.path, "mode": properties.mode or _MODE}


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """The mode must let the user write, the path be absolute."""
    if not options.mode & stat.S_IWUSR:
        raise ValueError(f"invalid file mode {_mode_text(options.mode)}, must be user writable")
    if not os.path.isabs(options.path):
        raise ValueError(f"log path must be absolute: {options.path} is not absolute")


def _check_start(options: dict[str, Any], sections: Mapping[str, Any]) -> None:
    try:
        check(Options(**options), sections)
    except ValueError as error:
        raise ValueError(f"failed to create log alert handler: {error}") from None


SPEC = HandlerSpec("log", "LogHandler", LogProperties, __doc__ or "", options_of, _check_start)
OPTIONS = OptionsSchema()


async def handle(event: Event, options: Options, around: Around) -> None:
    """Append. A line is written whole: several handlers may share a file."""
    try:
        await asyncio.to_thread(_append, options, event.json())
    except OSError as error:
        raise Unsent(f"{options.path}: {error.strerror or error}") from error


def _append(options: Options, line: bytes) -> None:
    # a pipe that nobody reads must not hold this thread, which others need too
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(options.path, how, options.mode)
    try:
        while line:
            line = line[os.write(fd, line) :]
    finally:
        os.close(fd)


def _mode_text(mode: int) -> str:
    return "-" + stat.filemode(mode & 0o777)[1:]
