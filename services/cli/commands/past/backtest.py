"""``tickbus backtest``: what a script would have done."""

from __future__ import annotations

import json as json_lines
from pathlib import Path

import click

from services.cli.go_flags import Command
from services.cli.output.backtest_report import print_report
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server
from services.cli.server.definitions import of_file, of_options
from services.cli.server.documents import text_of
from services.cli.server.inspecting import carried_out, keep_option, results
from services.cli.server.times import duration_option, time_option
from tickbus.client import Client

_FILE = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("what", metavar="FILE|TASK", shell_complete=ids("tasks"))
@time_option("--from", "begin", text="From when on: a time, or so long ago, as -24h.", required=True)
@time_option("--to", "end", text="Until when; now without.")
@click.option("--tick", type=_FILE, metavar="FILE", help="The script, where a TASK is given: the one it may get.")
@click.option("--type", "type_", type=click.Choice(["stream", "batch"]), help="The type; the script tells it as well.")
@click.option("--template", metavar="ID", help="The template that it is made of.", shell_complete=ids("templates"))
@click.option("--vars", "vars_", type=_FILE, metavar="FILE", help="The vars, as JSON.")
@click.option("--file", type=_FILE, metavar="FILE", help="Template, vars and databases in one file, YAML or JSON.")
@click.option(
    "--dbrp",
    multiple=True,
    metavar='"DB"."RP"',
    help="What a script reads that does not say it; may be given several times.",
)
@click.option("--against", metavar="TASK|FILE", help="What to compare with: what a task did, or what a script would.")
@duration_option("--warm-up", "What is read before it counts; without, as far as the script's windows look back.")
@keep_option
@click.option("--json", is_flag=True, help="Print all lines, and last the summary, each as JSON.")
@asks_server
def command(
    client: Client,
    what: str,
    begin: int,
    end: int | None,
    tick: Path | None,
    type_: str | None,
    template: str | None,
    vars_: Path | None,
    file: Path | None,
    dbrp: tuple[str, ...],
    against: str | None,
    warm_up: int | None,
    keep: bool,
    json: bool,
) -> None:
    """Show what a script would have done: a file, a task as it is, or a task with something changed.

    It is run over the log that the server keeps, a batch task over what InfluxDB has. Nothing is done outside: no
    alert is handled, nothing posted or written.

    Of a comparison, `new` is what only the first has raised, `missing` what only the other one has, `level` what both
    have at the same time with other levels.

    \b
    tickbus backtest cpu.tick -dbrp telegraf.autogen -from -24h
    tickbus backtest cpu -tick cpu_new.tick -from -7d -against cpu
    tickbus backtest cpu -vars stricter.json -from 2026-11-30T00:00:00Z -to 2026-12-01T00:00:00Z -json
    """
    script = Path(what) if Path(what).is_file() or what.endswith(".tick") else None
    if script is not None and tick is not None:
        raise click.UsageError("give one script: as FILE, or with --tick for a TASK")
    asked = {} if file is None else of_file(file)
    asked |= of_options(tick or script, type_, template, vars_, dbrp)
    if script is None:
        asked["task"] = what
    asked |= {"start": begin, **({} if end is None else {"stop": end}), **_against(against)}
    if warm_up is not None:
        asked["warm-up"] = warm_up
    with carried_out(client, "backtest", asked, keep) as view:
        if json:
            for line in results(client, view):
                print(json_lines.dumps(line, ensure_ascii=False))
            print(json_lines.dumps({"kind": "summary", **view["summary"]}, ensure_ascii=False))
        else:
            print_report(what, view)


def _against(against: str | None) -> dict[str, str]:
    if against is None:
        return {}
    file = Path(against)
    return {"against-script": text_of(file)} if file.is_file() or file.suffix == ".tick" else {"against": against}
