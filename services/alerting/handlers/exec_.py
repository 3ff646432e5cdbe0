"""exec: run a command for each event, with the event as JSON on its standard input.

It is run once, whatever comes of it, and handles the event by exit status 0; where it ends in another way, its status
and the last of its output are logged, and the event counts as given up on. It may leave its input unread, and may leave
something running in the background. It has as long as it takes, unless there is a timeout: then it is ended with all in
its process group, and so it is when the service stops. Events wait for the one before. A service that is killed runs
the command again for the event that it was at. The environment is the service's.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, post_load

from schemas.config.fields import Nanoseconds
from services.alerting.command import run
from services.alerting.handler import Around, Refused, Unsent
from services.pipeline.spec import HandlerSpec, Properties, Type, argument, prop

if TYPE_CHECKING:
    from services.alerting.event import Event

_PASSING = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY)


@dataclass
class ExecProperties(Properties):
    """Which command."""

    prog: str = argument(Type.STRING, doc="The program.")
    args: list[str] = argument(Type.STRING, variadic=True, doc="Its arguments.")
    timeout: int = prop(Type.DURATION, default=0, doc="After how long it is ended, with all in its process group.")


@dataclass(frozen=True, slots=True)
class Options:
    """The program and its arguments; timeout in ns, 0 for none."""

    prog: str
    args: tuple[str, ...] = ()
    timeout: int = 0


class OptionsSchema(Schema):
    """{"prog": program, "args": [argument …], "timeout": ns or "10s"}"""

    prog = fields.String(load_default="", metadata={"doc": "The program."})
    args = fields.List(fields.String(), load_default=list, allow_none=True, metadata={"doc": "Its arguments."})
    timeout = Nanoseconds(
        load_default=0,
        metadata={
            "doc": 'After how long it is ended, with all in its process group: ns or a text such as "10s"; 0: never.'
        },
    )

    @post_load
    def build(self, data: dict[str, Any], **kwargs: Any) -> Options:
        return Options(data["prog"], tuple(data["args"] or ()), data["timeout"])


SPEC = HandlerSpec("exec", "ExecHandler", ExecProperties, __doc__ or "")
OPTIONS = OptionsSchema()


def check(options: Options, sections: Mapping[str, Any]) -> None:
    """Every command is taken; whether it can be run shows when an event comes."""


def timeout(options: Options, around: Around) -> None:
    """None: a command is ended by what runs it."""


async def handle(event: Event, options: Options, around: Around) -> None:
    """Run the command and wait for it. Unsent only where this machine cannot run any now."""
    seconds = options.timeout / 1e9 if options.timeout > 0 else None
    try:
        ended = await run(options.prog, options.args, event.json(), seconds)
    except (OSError, ValueError) as error:
        problem = f"{options.prog}: {error}"
        raise (Unsent if getattr(error, "errno", None) in _PASSING else Refused)(problem) from error
    if ended.status or ended.broken_off:
        raise Refused(f"{options.prog}: {ended}")
