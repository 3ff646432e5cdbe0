"""``tickbus config``: the effective configuration, each setting with its documentation."""

from __future__ import annotations

import sys
import tomllib

import click

from schemas.config.render import render_config
from services.cli.go_flags import Command
from services.cli.handler_settings import handler_sections
from services.cli.options import SERVICE_OPTIONS, Settings, takes_settings
from services.cli.output.printing import as_json, print_json


@click.command(cls=Command)
@takes_settings("http", "data-dir", "workers", "nats", *SERVICE_OPTIONS)
@click.option("--reveal", is_flag=True, help="Print secrets too.")
@as_json
def command(settings: Settings, reveal: bool, json: bool) -> int:
    rendered = render_config(settings.config, handler_sections(), reveal=reveal)
    if json:
        print_json(tomllib.loads(rendered))
    else:
        print(rendered, end="")
    for warning in settings.config.warnings:
        print(f"tickbus: {warning}", file=sys.stderr)
    return 0
