"""Flags as Go's flag package reads them."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from services.cli.go_flags import Command, Group


@click.command(cls=Command)
@click.argument("names", nargs=-1)
@click.option("--tick")
@click.option("--no-wait", is_flag=True)
@click.option("--dbrp", multiple=True)
def one(names: tuple[str, ...], tick: str | None, no_wait: bool, dbrp: tuple[str, ...]) -> None:
    """A command that does nothing."""


@click.group(cls=Group)
@click.option("--url")
def several(url: str | None) -> None:
    """A command with commands of its own."""


several.add_command(one, "one")


@several.command("long")
def long() -> None:
    """Show what is longer than the line on which the list of commands shows it, to its end."""


def given(*arguments: str) -> dict[str, object]:
    """The parameters that are not as they are without arguments."""
    parameters = one.make_context("one", list(arguments)).params
    return {name: value for name, value in parameters.items() if value}


@pytest.mark.parametrize("form", [["-tick", "x"], ["--tick", "x"], ["-tick=x"], ["--tick=x"]])
def test_a_value_is_given_with_one_dash_or_two_and_with_or_without_a_sign(form: list[str]) -> None:
    assert given(*form) == {"tick": "x"}
    assert given("a", *form, "b") == {"tick": "x", "names": ("a", "b")}


def test_a_value_may_look_like_a_flag_or_be_empty_or_have_a_sign() -> None:
    assert given("-tick", "-no-wait") == {"tick": "-no-wait"}
    assert given("-tick=") == {}
    assert given("-tick", "a=b", "-dbrp=c=d") == {"tick": "a=b", "dbrp": ("c=d",)}


@pytest.mark.parametrize(
    ("form", "value"),
    [("-no-wait", True), ("--no-wait", True), ("-no-wait=true", True), ("--no-wait=T", True), ("-no-wait=0", False)],
)
def test_what_is_true_or_false(form: str, value: bool) -> None:
    assert given(form) == ({"no_wait": True} if value else {})


def test_a_flag_may_be_given_several_times() -> None:
    assert given("-dbrp", "a.b", "--dbrp", "c.d") == {"dbrp": ("a.b", "c.d")}


def test_what_follows_two_dashes_and_a_dash_alone_are_no_flags() -> None:
    assert given("--", "-tick", "x") == {"names": ("-tick", "x")}
    assert given("-") == {"names": ("-",)}


def test_a_flag_that_there_is_not_is_named_with_what_is_close_to_it() -> None:
    with pytest.raises(click.NoSuchOption) as raised:
        given("-tik=x")
    assert raised.value.option_name == "-tik" and raised.value.possibilities == ["--tick"]
    with pytest.raises(click.UsageError, match="-no-wait=maybe is neither true nor false"):
        given("-no-wait=maybe")
    with pytest.raises(click.UsageError, match="requires an argument"):
        given("-tick")


def test_a_group_reads_its_own_flags_and_leaves_those_of_its_commands() -> None:
    context = several.make_context("several", ["-url", "here", "one", "-tick", "x", "-url"])
    assert context.params == {"url": "here"}
    with pytest.raises(click.NoSuchOption):
        several.make_context("several", ["-tick", "x", "one"])


def test_a_group_tells_of_each_command_to_the_end_of_a_sentence() -> None:
    told = CliRunner().invoke(several, ["--help"], terminal_width=60).output
    assert "shows it, to its end." in " ".join(told.split())
