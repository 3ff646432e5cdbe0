"""The command line read and not run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from services.cli.main import PROGRAM, root


def parameters_of(arguments: Sequence[str]) -> dict[str, Any]:
    """What a command's parameters would be. Raises click.UsageError for a call that is mistaken."""
    group = root.make_context(PROGRAM, list(arguments))
    name, command, rest = root.resolve_command(group, [*group._protected_args, *group.args])
    assert command is not None
    with click.Context(command, group, info_name=name):
        return command.make_context(name, rest, parent=group).params
