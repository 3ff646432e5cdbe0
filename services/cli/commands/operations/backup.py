"""``tickbus backup``: save a backup of everything to a file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import click

from services.cli.errors import CommandFailed
from services.cli.go_flags import Command
from services.cli.server.connecting import asks_server
from services.cli.server.waiting import progress
from tickbus.client import Body, Client

_PATH = "/kapacitor/v1/storage/backup"


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@asks_server
def command(client: Client, file: Path) -> None:
    """Save a backup of everything to a file, while the server runs; `tickbus restore` begins with it.

    What FILE had before is replaced once the backup is whole. A new FILE can be read by its owner only.
    """
    with client.open(_PATH) as body, progress(file.name, body.length, of_bytes=True) as show:
        # a device or a pipe cannot be put in place later
        beside = file.with_name(f"{file.name}.part") if not file.exists() or file.is_file() else file
        try:
            _save(body, beside, show)
            if beside is not file:
                if file.exists():
                    shutil.copymode(file, beside)
                os.replace(beside, file)
        except OSError as error:
            raise CommandFailed(f"the backup cannot be saved to {file}: {error.strerror or error}") from error
        finally:
            if beside is not file:
                beside.unlink(missing_ok=True)


def _save(body: Body, file: Path, show: Callable[[float], None]) -> None:
    written = 0
    with open(file, "wb", opener=_for_owner) as saved:
        for piece in body.pieces:
            saved.write(piece)
            written += len(piece)
            show(written)
        saved.flush()
        if file.is_file():
            os.fsync(saved.fileno())
    if body.length is not None and written != body.length:
        raise CommandFailed(f"the backup broke off after {written} of {body.length} bytes: try again")


def _for_owner(path: str, flags: int) -> int:
    """A file that is made is its owner's alone: a backup has password hashes, and the secrets of handlers."""
    return os.open(path, flags, 0o600)
