"""Flags as Go's flag package reads them, which users of Kapacitor's command line are used to, on top of click's own."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Sequence

import click

from grammar.golang.numbers import parse_bool

_WHOLE = 1000  # characters, more than any sentence has


class Command(click.Command):
    """A command whose flags may be written with one dash or two: `-tick x`, `-tick=x`, `--tick x`, `-no-wait=false`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, as_click_reads(ctx, self.get_params(ctx), args))


class Group(click.Group):
    """The same for a command with commands of its own: its flags stand before theirs."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = as_click_reads(ctx, self.get_params(ctx), args, mixed=False)
        return super().parse_args(ctx, own)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with what each does: its first sentence, all of it."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE)) for name, one in commands if one is not None])


def as_click_reads(
    ctx: click.Context, parameters: Iterable[click.Parameter], arguments: Sequence[str], *, mixed: bool = True
) -> list[str]:
    """The arguments with every flag in the form in which it is declared, a value after it.

    mixed: whether flags may follow what is none. Raises click.NoSuchOption for a flag that there is not, unless a shell
    completes.
    """
    declared = {
        name.lstrip("-"): (name, option)
        for option in parameters
        if isinstance(option, click.Option)
        for name in option.opts
    }
    result: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--" or (not mixed and not _is_flag(argument)):
            return [*result, argument, *rest]
        if not _is_flag(argument):
            result.append(argument)
            continue
        given, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if given not in declared:
            if not ctx.resilient_parsing:
                raise click.NoSuchOption(argument.partition("=")[0], possibilities=_close(given, declared), ctx=ctx)
            result.append(argument)
            continue
        name, option = declared[given]
        if option.is_flag:
            result += [name] if not equals or _truth(ctx, value, argument) else []
        elif equals:
            result += [name, value]
        else:
            result += [name, *itertools.islice(rest, 1)]
    return result


def _is_flag(argument: str) -> bool:
    return argument.startswith("-") and argument.strip("-") != ""


def _close(given: str, declared: Iterable[str]) -> list[str]:
    return [f"--{name}" for name in difflib.get_close_matches(given, list(declared), 3)]


def _truth(ctx: click.Context, text: str, argument: str) -> bool:
    try:
        return parse_bool(text)
    except ValueError as error:
        raise click.UsageError(f"{argument} is neither true nor false", ctx) from error
