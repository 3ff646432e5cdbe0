"""``tickbus lsp``: a language server for editors, on standard input and output."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from importlib.metadata import version

import click

from services.cli.go_flags import Command
from services.cli.options import Settings, takes_settings
from services.cli.scripts import takes_sample, usable
from services.language_server.server import serve
from services.linting.sample import Sample
from services.process import log


@click.command(cls=Command)
@takes_sample
@takes_settings()
def command(settings: Settings, sample: Sample | None, interval: int | None) -> int:
    """Answer an editor that scripts are written in, by the Language Server Protocol on standard input and output.

    It tells what `tickbus lint` finds, completes and explains nodes, properties, functions and vars, lists a script's
    vars and nodes, and formats it. No server is asked. Functions (UDFs) are those of --config.

    services/language_server/README.md says how editors start it.
    """
    log.setup(level=settings.quiet.logging.level)
    registry = asyncio.run(usable(settings.config))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # the thread that waits for the editor hears of no other end
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # what something prints by mistake is no message of the protocol
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return serve(sys.stdin.buffer, answers, version("tickbus"), registry, sample, interval)
