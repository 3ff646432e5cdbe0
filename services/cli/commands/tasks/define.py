"""``tickbus define``: create or update a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from services.cli.server.documents import document, text_of
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
    asked = _of_file(id, file) if file is not None else _of_options(tick, type_, template, vars_, dbrp)
    path = path_of("tasks", id)
    task = find(client, path, {"script-format": "raw"})
    if task is None:
        client.request("POST", "/tasks", body={"id": id, **({} if file else {"status": "disabled"}), **asked})
    else:
        client.request("PATCH", path, body=asked)
    if task is not None and task["status"] == "enabled" and not no_reload:
        for again in ("disabled", "enabled"):
            client.request("PATCH", path, body={"status": again})


def _of_file(id: str, file: Path) -> dict[str, Any]:
    found = document(file)
    named = found.get("id") or id
    if named != id:
        raise CommandFailed(f"the task is {id} on the command line and {named} in {file}: they have to be the same")
    return {key: found[key] for key in ("template-id", "dbrps", "vars") if found.get(key)}


def _of_options(
    tick: Path | None, type_: str | None, template: str | None, vars_: Path | None, dbrps: tuple[str, ...]
) -> dict[str, Any]:
    given = {
        "script": text_of(tick) if tick is not None else "",
        "type": type_,
        "template-id": template,
        "dbrps": [_dbrp(one) for one in dbrps],
        "vars": _vars(vars_) if vars_ is not None else {},
    }
    return {key: value for key, value in given.items() if value}


def _vars(file: Path) -> dict[str, Any]:
    """The vars of a file, which may be those of --file as well."""
    found = document(file, "vars", kinds=())
    inner = found.get("vars")
    return inner if isinstance(inner, dict) and "type" not in inner else found


def _dbrp(text: str) -> dict[str, str]:
    """What `db.rp` and `"db"."rp"` say; quotes within quotes have a backslash."""
    db, rest = _part(text)
    rp, left = _part(rest[1:], to_the_end=True)
    if not db or not rest.startswith(".") or not rp or left:
        raise click.UsageError(f'{text!r} is not of the form "DB"."RP", where the quotes may be left out')
    return {"db": db, "rp": rp}


def _part(text: str, *, to_the_end: bool = False) -> tuple[str, str]:
    if not text.startswith('"'):
        return (text, "") if to_the_end else (text.partition(".")[0], text[len(text.partition(".")[0]) :])
    at = 1
    while at < len(text) and text[at] != '"':
        at += 2 if text.startswith('\\"', at) else 1
    return text[1:at].replace('\\"', '"'), text[at + 1 :]
