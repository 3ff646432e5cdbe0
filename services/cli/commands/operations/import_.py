"""``tickbus import``: copy what a running Kapacitor has to a running tickbus."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from schemas.config import Config
from schemas.config.overriding import Overridable
from services.alerting.delivery.match import match_of
from services.alerting.handlers import from_json, specs
from services.cli.errors import MistakenCall
from services.cli.go_flags import Command
from services.cli.handler_settings import handler_defaults, handler_sections
from services.cli.server.connecting import SHAPELESS, not_understood, one_line, shown_address
from services.cli.server.waiting import steps
from services.moving.job import Job
from services.moving.moving import KINDS, move
from services.moving.report import Report
from services.moving.scripts import checking
from services.moving.servers import CannotGoOn, Refused, Server
from services.nodes import registry

_ABOUT = (
    "Users and passwords stand in the URLs, http://USER:PASSWORD@HOST:9092, or in the environment, which others on "
    "this machine do not see: TICKBUS_FROM_USER and TICKBUS_FROM_PASSWORD for the old server, TICKBUS_TO_USER and "
    "TICKBUS_TO_PASSWORD for the new one."
)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is copied, and how."""

    dry_run: bool
    only: frozenset[str]
    overwrite: bool
    disabled: bool
    recordings: Path | None


def _kinds(ctx: click.Context, parameter: click.Parameter, text: str | None) -> frozenset[str]:
    kinds = frozenset(one.strip() for one in text.split(",") if one.strip()) if text is not None else frozenset(KINDS)
    if unknown := kinds - set(KINDS):
        raise click.BadParameter(f"there is no kind {sorted(unknown)[0]}; there are {', '.join(KINDS)}")
    return kinds


@click.command(cls=Command, epilog=_ABOUT)
@click.argument("old", metavar="URL")
@click.option("--to", metavar="URL", default="http://127.0.0.1:9092", show_default=True, help="The API of tickbus.")
@click.option("--dry-run", is_flag=True, help="Change nothing, tell what would be done.")
@click.option("--only", metavar="LIST", callback=_kinds, help=f"Of {', '.join(KINDS)}.")
@click.option("--overwrite", is_flag=True, help="What is otherwise here becomes what it is there.")
@click.option("--disabled", is_flag=True, help="Enable no task.")
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the Kapacitor keeps recordings: dir in its [replay].",
)
@click.option(
    "--skip-verify", "--skipVerify", "skip_verify", is_flag=True, help="Take any certificate of the two servers."
)
def command(old: str, to: str, skip_verify: bool, **wishes: Any) -> int:
    """Copy tasks, templates, handlers and how alerts stand from a running Kapacitor.

    URL is the API of the Kapacitor, http://HOST:9092. The exit code is 0 where everything is here as it is there.
    """
    write: Callable[[str], None] = partial(print, flush=True)
    try:
        with (
            _server(old, "FROM", skip_verify) as there,
            _server(to, "TO", skip_verify) as here,
            steps() as show,
        ):
            return _run(_Wishes(**wishes), there, here, Report(write, show), write)
    except (ValueError, CannotGoOn) as error:
        print(f"tickbus import: {error}", file=sys.stderr)
        return 1


def _run(wishes: _Wishes, old: Server, new: Server, report: Report, write: Callable[[str], None]) -> int:
    for server in (old, new):
        server.greet()
    job = Job(
        old=old,
        new=new,
        report=report,
        defaults=Overridable(Config(), handler_sections(), handler_defaults()),
        scripts=checking(registry(specs())),
        handlers=_why_refused,
        dry_run=wishes.dry_run,
        overwrite=wishes.overwrite,
        disabled=wishes.disabled,
        recordings=wishes.recordings,
    )
    write(f"from {old.url} to {new.url}{', changing nothing' if wishes.dry_run else ''}")
    try:
        _move(job, wishes.only)
    except CannotGoOn as error:
        write("\n".join(("so far:", *report.summary())))
        if wishes.dry_run or not report.changed:
            raise
        raise CannotGoOn(f"{error}; what is done is done, the same command goes on from here") from error
    write("\n".join(("it would be:" if wishes.dry_run else "done:", *report.summary())))
    return 0 if report.complete else 1


def _why_refused(handler: Mapping[str, Any]) -> str:
    """Why a topic cannot have a handler, as far as that can be told without the configuration of the new server."""
    try:
        from_json(handler["kind"], handler["options"])
        match_of(handler["match"])
    except ValueError as error:
        return str(error)
    return ""


def _move(job: Job, kinds: frozenset[str]) -> None:
    """Errors as in `move`; CannotGoOn also where a server does not tell what there is, or not in the API's shapes."""
    try:
        move(job, kinds)
    except Refused as error:
        raise CannotGoOn(f"{error.asked} cannot be had: {one_line(error)}") from error
    except SHAPELESS as error:
        raise CannotGoOn(not_understood(f"{job.old.url} or {job.new.url}", error)) from error


def _server(url: str, side: str, skip_verify: bool) -> Server:
    user, password = (os.environ.get(f"TICKBUS_{side}_{what}", "") for what in ("USER", "PASSWORD"))
    try:
        return Server(url, user, password, verify=not skip_verify)
    except ValueError as error:
        raise MistakenCall(f"tickbus import: {shown_address(url)!r} {error}") from error
