"""``tickbus show-template``: all about a template."""

from __future__ import annotations

from typing import Any

import click

from services.cli.go_flags import Command
from services.cli.output.go_texts import moment, var_value
from services.cli.output.printing import as_json, print_block, print_field, print_heading, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from tickbus.client import Client

_COLUMNS = (Column("Name", 30), Column("Type", 10), Column("Default Value", 40), Column("Description", 40))


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("templates"))
@as_json
@asks_server
def command(client: Client, id: str, json: bool) -> None:
    """Show all about a template: script, graph, and the vars that tasks may or have to give."""
    template = client.request("GET", path_of("templates", id), {"script-format": "formatted"})
    if json:
        print_json(template)
        return
    print_field("ID", template["id"])
    print_field("Error", template["error"])
    print_field("Type", template["type"])
    print_field("Created", moment(template["created"]))
    print_field("Modified", moment(template["modified"]))
    print_block("TICKscript", template["script"])
    print_heading("Vars")
    print_table(_COLUMNS, [_row(name, var) for name, var in sorted((template["vars"] or {}).items())])
    print_block("DOT", template["dot"])


def _row(name: str, var: dict[str, Any]) -> tuple[str, ...]:
    value = "<required>" if var.get("value") is None else var_value(var)
    return name, var["type"], value, var.get("description", "")
