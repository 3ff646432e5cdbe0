"""How a command ends that does not do what it was asked to: one line on standard error, and an exit code."""

from __future__ import annotations

import click


class CommandFailed(click.ClickException):
    """A command was refused, or cannot be done; the text says why and what to do, for the user to read."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        context = click.get_current_context(silent=True)
        self.path = context.command_path if context is not None else "tickbus"


class MistakenCall(click.ClickException):
    """The call itself, or the configuration, is mistaken; the text is the whole line."""

    exit_code = 2
