"""log: append each event to a file as one line of JSON. The file is made where it does not exist.

`write-directories` in [security] says where it may be.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from marshmallow import fields

from services.alerting.declarations.options import Integer, ScriptProperty, option
from services.alerting.declarations.sections import Sections
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.process.permissions import Guard, NotPermitted
from services.process.pools import Pool

_SECONDS = 10.0  # for a disk that hangs
_threads = Pool("log handlers", 8)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which file, and its permissions where it is made."""

    path: str = option("The file's absolute path", fields.String, script=ScriptProperty(argument="path"))
    mode: int = option("The file's permissions as a number; 384 (0600) unless set", Integer, 0o600)


class LogHandler(AlertHandler[Options]):
    """A line is written whole: several handlers may share a file."""

    kind = "log"
    type_name = "LogHandler"
    created_as = "log alert handler"
    options = Options

    def check(self, options: Options, sections: Sections) -> None:
        """The mode must be one, and let the user write; the path be absolute."""
        if options.mode < 0:
            raise ValueError(f"invalid file mode {options.mode}, must not be negative")
        if not options.mode & stat.S_IWUSR:
            raise ValueError(f"invalid file mode {_mode_text(options.mode)}, must be user writable")
        if not os.path.isabs(options.path):
            raise ValueError(f"log path must be absolute: {options.path} is not absolute")

    def permitted(self, options: Options, sections: Sections, guard: Guard) -> None:
        """The file must be where files may be written."""
        guard.writable(options.path)

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        try:
            await _threads.run_within(_SECONDS, options.path, _append, options, context.guard, event.json())
        except NotPermitted as error:
            raise Rejected(str(error)) from error
        except OSError as error:
            raise Unsent(f"{options.path}: {error.strerror or error}") from error


def _append(options: Options, guard: Guard, line: bytes) -> None:
    path = guard.writable(options.path)
    # a pipe that nobody reads must not hold this thread: there are few
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, how, options.mode)
    try:
        while line:
            line = line[os.write(fd, line) :]
    finally:
        os.close(fd)


def _mode_text(mode: int) -> str:
    return "-" + stat.filemode(mode & 0o777)[1:]


HANDLER = LogHandler()
