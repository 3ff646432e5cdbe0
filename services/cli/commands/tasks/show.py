"""``tickbus show``: all about a task."""

from __future__ import annotations

import click

from services.cli.go_flags import Command
from services.cli.output.go_texts import databases, moment, var_value, yes_or_no
from services.cli.output.printing import as_json, print_block, print_field, print_heading, print_json
from services.cli.output.tables import Column, print_table
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from tickbus.client import Client


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("tasks"))
@click.option("--replay", metavar="ID", help="Show it as it is in a replay that runs.", shell_complete=ids("replays"))
@as_json
@asks_server
def command(client: Client, id: str, replay: str | None, json: bool) -> None:
    """Show all about a task: status, script, vars, and the graph with what each node has done."""
    asked = {"dot-view": "attributes", "script-format": "formatted", "replay-id": replay or ""}
    task = client.request("GET", path_of("tasks", id), asked)
    if json:
        print_json(task)
        return
    print_field("ID", task["id"])
    print_field("Error", task["error"])
    print_field("Template", task.get("template-id", ""))
    print_field("Type", task["type"])
    print_field("Status", task["status"])
    print_field("Executing", yes_or_no(task["executing"]))
    print_field("Created", moment(task["created"]))
    print_field("Modified", moment(task["modified"]))
    print_field("LastEnabled", moment(task["last-enabled"]))
    print_field("Databases Retention Policies", databases(task["dbrps"]))
    print_block("TICKscript", task["script"])
    if variables := task["vars"]:
        print_heading("Vars")
        columns = (Column("Name", 30), Column("Type", 10), Column("Value", 40))
        rows = [(name, var["type"], var_value(var)) for name, var in sorted(variables.items())]
        print_table(columns, rows)
    print_block("DOT", task["dot"])
