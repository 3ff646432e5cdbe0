"""``tickbus gateway``: the HTTP API, against a given NATS."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.options import SERVICE_OPTIONS, Settings, takes_settings
from services.cli.service_process import run_command


@click.command(cls=Command)
@takes_settings("http", "data-dir", "nats", *SERVICE_OPTIONS)
def command(settings: Settings) -> int:
    return run_command("gateway", settings.config)
