"""``tickbus define``: create or update a task."""

from __future__ import annotations

from pathlib import Path

import click

from services.cli.go_flags import Command
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from services.cli.server.definitions import of_file, of_options
from services.cli.server.lists import find
from tickbus.client import Client

_FILE = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("tasks"))
@click.option("--tick", type=_FILE, metavar="FILE", help="The TICKscript.")
@click.option("--type", "type_", type=click.Choice(["stream", "batch"]), help="The type; the script tells it as well.")
@click.option("--template", metavar="ID", help="The template that it is made of.", shell_complete=ids("templates"))
@click.option("--vars", "vars_", type=_FILE, metavar="FILE", help="The vars, as JSON.")
@click.option("--file", type=_FILE, metavar="FILE", help="Template, vars and databases in one file, YAML or JSON.")
@click.option(
    "--dbrp", multiple=True, metavar='"DB"."RP"', help="A database and a retention policy; may be given several times."
)
@click.option("--no-reload", is_flag=True, help="Let a task that runs go on with what it was until it is reloaded.")
@asks_server
def command(
    client: Client,
    id: str,
    tick: Path | None,
    type_: str | None,
    template: str | None,
    vars_: Path | None,
    file: Path | None,
    dbrp: tuple[str, ...],
    no_reload: bool,
) -> None:
    """Create or update a task.

    What is not given is left as it is, and a new task is disabled. A task that is enabled is reloaded.

    \b
    tickbus define cpu -tick cpu.tick -type stream -dbrp telegraf.autogen
    tickbus define cpu -tick cpu.tick
    tickbus define cpu_db1 -template cpu -vars db1.json -dbrp telegraf.autogen
    tickbus define cpu_db1 -file db1.yaml
    """
    asked = of_file(file, id) if file is not None else of_options(tick, type_, template, vars_, dbrp)
    path = path_of("tasks", id)
    task = find(client, path, {"script-format": "raw"})
    if task is None:
        client.request("POST", "/tasks", body={"id": id, **({} if file else {"status": "disabled"}), **asked})
    else:
        client.request("PATCH", path, body=asked)
    if task is not None and task["status"] == "enabled" and not no_reload:
        for again in ("disabled", "enabled"):
            client.request("PATCH", path, body={"status": again})
