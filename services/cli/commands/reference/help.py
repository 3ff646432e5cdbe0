"""``tickbus help``: the help of a command."""

from __future__ import annotations

import click

from services.cli.go_flags import Command


@click.command(cls=Command)
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Print the help of a command, or without one the list of them: `tickbus help record stream`."""
    of = ctx.find_root()
    for name in names:
        group = of.command
        found = group.get_command(of, name) if isinstance(group, click.Group) else None
        if found is None:
            raise click.UsageError(f"No such command {name!r}", of)
        of = click.Context(found, of, info_name=name)
    print(of.get_help())
