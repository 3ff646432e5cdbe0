"""What defines a task, as the command line gives it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from services.cli.errors import CommandFailed
from services.cli.server.documents import document, text_of


def of_file(file: Path, id: str = "") -> dict[str, Any]:
    """What a file says of template, vars and databases. id: of the task; "": whatever the file says.

    Raises CommandFailed.
    """
    found = document(file)
    named = found.get("id") or id
    if id and named != id:
        raise CommandFailed(f"the task is {id} on the command line and {named} in {file}: they have to be the same")
    return {key: found[key] for key in ("template-id", "dbrps", "vars") if found.get(key)}


def of_options(
    tick: Path | None, type_: str | None, template: str | None, vars_: Path | None, dbrps: tuple[str, ...]
) -> dict[str, Any]:
    """What the options --tick, --type, --template, --vars and --dbrp say. Raises CommandFailed, click.UsageError."""
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
