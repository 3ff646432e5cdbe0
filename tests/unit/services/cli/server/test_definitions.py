"""What defines a task on the command line."""

from __future__ import annotations

import click
import pytest

from services.cli.server.definitions import of_options


@pytest.mark.parametrize(
    ("text", "db", "rp"),
    [
        ("telegraf.autogen", "telegraf", "autogen"),
        ('"telegraf"."autogen"', "telegraf", "autogen"),
        ("a.b.c", "a", "b.c"),
        ('"a.b".c', "a.b", "c"),
        (r'"a\"b"."c d"', 'a"b', "c d"),
    ],
)
def test_databases_and_retention_policies(text: str, db: str, rp: str) -> None:
    assert of_options(None, None, None, None, (text,)) == {"dbrps": [{"db": db, "rp": rp}]}


@pytest.mark.parametrize("text", ["", "a", "a.", ".b", '"a"', '"a"b', '"a"."b"c', '"a'])
def test_what_is_no_database_and_retention_policy(text: str) -> None:
    with pytest.raises(click.UsageError, match="is not of the form"):
        of_options(None, None, None, None, (text,))
