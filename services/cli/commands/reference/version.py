"""``tickbus version``: the version."""

from __future__ import annotations

from importlib.metadata import version

import click

from services.cli.go_flags import Command
from services.cli.output.printing import as_json, print_json


@click.command(cls=Command)
@as_json
def command(json: bool) -> None:
    """Print the version."""
    if json:
        print_json({"version": version("tickbus")})
    else:
        print(f"tickbus {version('tickbus')}")
