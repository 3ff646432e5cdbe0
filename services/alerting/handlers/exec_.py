"""exec: run a command for each event, with the event as JSON on its standard input.

It is run once, whatever comes of it, and handles the event by exit status 0; where it ends in another way, its status
and the last of its output are logged, and the event counts as given up on. It may leave its input unread, and may leave
something running in the background. It has as long as it takes, unless there is a timeout: then it is ended with all in
its process group, and so it is when the service stops. Events wait for the one before. A service that is killed runs
the command again for the event that it was at. The environment is the service's, without what configures tickbus.
`commands` in [security] says which programs may be run.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from marshmallow import fields

from schemas.config.fields import Nanoseconds
from services.alerting.declarations.options import ScriptProperty, Strings, option
from services.alerting.declarations.sections import Sections
from services.alerting.errors import Rejected, Unsent
from services.alerting.handler_base import AlertHandler, HandlerContext
from services.alerting.topics.alert_event import AlertEvent
from services.alerting.transports.command import run
from services.pipeline.spec import Type
from services.process.permissions import Guard, NotPermitted

_PASSING = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Which command; timeout in ns, 0 for none."""

    prog: str = option("The program", fields.String, script=ScriptProperty(argument="prog"))
    args: tuple[str, ...] = option("Its arguments", Strings, script=ScriptProperty(argument="args"))
    timeout: int = option(
        'After how long it is ended, with all in its process group: ns or a text such as "10s"; 0: never',
        Nanoseconds,
        0,
        script=ScriptProperty(type=Type.DURATION),
    )


class ExecHandler(AlertHandler[Options]):
    """Every command is taken; whether it can be run shows when an event comes."""

    kind = "exec"
    type_name = "ExecHandler"
    options = Options

    def permitted(self, options: Options, sections: Sections, guard: Guard) -> None:
        guard.command(options.prog)

    def timeout(self, options: Options, context: HandlerContext) -> None:
        """None: a command is ended by what runs it."""

    async def handle(self, event: AlertEvent, options: Options, context: HandlerContext) -> None:
        """Run the command and wait for it. Unsent only where this machine cannot run any now."""
        seconds = options.timeout / 1e9 if options.timeout > 0 else None
        try:
            self.permitted(options, context.sections, context.guard)
            ended = await run(options.prog, options.args, event.json(), seconds)
        except NotPermitted as error:
            raise Rejected(str(error)) from error
        except (OSError, ValueError) as error:
            problem = f"{options.prog}: {error}"
            raise (Unsent if getattr(error, "errno", None) in _PASSING else Rejected)(problem) from error
        if ended.status or ended.broken_off:
            raise Rejected(f"{options.prog}: {ended}")


HANDLER = ExecHandler()
