"""The ``tickbus`` command: what every command has in common; which there are is said by services/cli/registry.py."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError
from click.shell_completion import CompletionItem

from services.cli.errors import CommandFailed, MistakenCall
from services.cli.go_flags import Group
from services.cli.registry import COMMANDS, SECTIONS, sentence
from services.cli.shells import register
from services.process.loading import loading

PROGRAM = "tickbus"
_SHOWN = 100  # characters of a text that cannot be written
_INTERRUPTED, _NOBODY_READS = 130, 141  # as shells say that SIGINT and SIGPIPE ended a program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0 after a clean end, 1 after a failure, 2 when the call is mistaken."""
    _open_what_is_closed()
    register()
    try:
        code = root.main(arguments, PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        print(_mistake(error), file=sys.stderr)
        return error.exit_code
    except MistakenCall as error:
        print(error.message, file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        path = error.path if isinstance(error, CommandFailed) else PROGRAM
        print(f"{path}: {error.format_message()}", file=sys.stderr)
        return error.exit_code
    except click.Abort:
        return _INTERRUPTED
    except (BrokenPipeError, _NobodyReads):
        _write_nowhere()
        return _NOBODY_READS
    except UnicodeEncodeError as error:  # an argument that is no text, or a standard output that takes few characters
        print(f"{PROGRAM}: {ascii(error.object)[:_SHOWN]} cannot be written as {error.encoding}", file=sys.stderr)
        return 1
    except OSError as error:  # of standard output: commands say what happens to their files
        _write_nowhere()
        print(f"{PROGRAM}: {error.strerror or error}", file=sys.stderr)
        return 1
    return code if isinstance(code, int) else 0


class LazyGroup(Group):
    """The commands of the registry: what a command needs is imported when it is run, or asked for help."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _NobodyReads from error  # click would end the process, with the code of a failure

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        with loading():
            command = importlib.import_module(f"services.cli.commands.{entry.module}").command
        assert isinstance(command, click.Command)
        command.help = command.help or sentence(entry.about)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), entry.about) for name, entry in section.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in COMMANDS if name.startswith(incomplete)]
        return [CompletionItem(name, help=COMMANDS[name].about) for name in names] or super().shell_complete(
            ctx, incomplete
        )


class _NobodyReads(Exception):
    """Who read what a command prints has gone."""


def _print_version(ctx: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # takes longer than all else that is imported here

        click.echo(f"{PROGRAM} {version(PROGRAM)}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--url",
    metavar="URL",
    help="The server of commands that ask one.  [default: $KAPACITOR_URL, or http://localhost:9092]",
)
@click.option(
    "--skipVerify", "skip_verify", is_flag=True, help="Trust any certificate.  [default: $KAPACITOR_UNSAFE_SSL]"
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."
)
def root(url: str | None, skip_verify: bool) -> None:
    """Kapacitor's API and TICKscript on NATS."""


def _mistake(error: click.UsageError) -> str:
    """A line for it; click's own has the usage above."""
    path = error.ctx.command_path if error.ctx is not None else PROGRAM
    text = " ".join(error.format_message().split())
    return f"{path}: {text[:1].lower()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'} See `{path} --help`"


def _open_what_is_closed() -> None:
    """Have standard input, output and error where the caller has closed them: what is opened next would take their
    place, and get what is printed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                while os.open(os.devnull, os.O_RDWR) < number:  # the lowest that is free
                    pass
            # by this descriptor: a service that is forked off this process has another file there
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _write_nowhere() -> None:
    """Have what is still to be written out go nowhere: who read it has gone."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
