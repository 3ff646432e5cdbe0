"""The commands: each is listed, can be loaded, and has a help that is whole."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import services.cli.commands
from services.cli.main import main, root
from services.cli.registry import COMMANDS

FOLDER = Path(services.cli.commands.__file__).parent


def test_every_file_of_a_command_is_listed() -> None:
    files = {
        ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        for path in FOLDER.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert {entry.module for entry in COMMANDS.values()} == files


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_that_says_what_each_option_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", name]) == 0
    asked_for = capsys.readouterr().out
    assert main([name, "--help"]) == 0
    assert asked_for == capsys.readouterr().out
    assert asked_for.startswith(f"Usage: tickbus {name} ")
    command = root.get_command(click.Context(root), name)
    assert command is not None
    for one in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
        assert one.help and one.help.splitlines()[0].endswith((".", ":"))
        assert all(option.help for option in one.params if isinstance(option, click.Option))


def test_the_list_has_every_command_and_needs_none_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == main(["--help"]) == main([]) - 2 == 0
    printed = capsys.readouterr().out
    assert all(f"\n  {name} " in printed for name in COMMANDS)


def test_a_command_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lst"]) == main(["help", "lst"]) == main(["record", "lst"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 3
