"""``tickbus completion``: what a shell needs to complete commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from services.cli.go_flags import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print what a shell needs to complete commands, options and ids.

    \b
    source <(tickbus completion bash)                                  in ~/.bashrc
    source <(tickbus completion zsh)                                   in ~/.zshrc, behind compinit
    tickbus completion fish > ~/.config/fish/completions/tickbus.fish
    """
    completion = get_completion_class(shell)
    assert completion is not None
    print(completion(ctx.find_root().command, {}, "tickbus", "_TICKBUS_COMPLETE").source())
