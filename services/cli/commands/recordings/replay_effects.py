"""``tickbus replay-effects``: what a replay without side effects would have done."""

from __future__ import annotations

import json as jsons

import click

from schemas.api.effect import KINDS
from services.cli.go_flags import Command
from services.cli.output.effects import effect_line
from services.cli.output.printing import note
from services.cli.server.completing import ids
from services.cli.server.connecting import asks_server, path_of
from tickbus.client import Client

_AT_ONCE = 1000
_ALONE = f"These alone, of {', '.join(KINDS)}; may be given several times"


@click.command(cls=Command)
@click.argument("id", shell_complete=ids("replays"))
@click.option("--kind", "kinds", multiple=True, type=click.Choice(KINDS), metavar="KIND", help=f"{_ALONE}.")
@click.option("--json", is_flag=True, help="Print JSON, a line for each.")
@asks_server
def command(client: Client, id: str, kinds: tuple[str, ...], json: bool) -> int:
    """Print what a replay without side effects would have done: alerts, posts, writes, lines for the log.

    Of a replay that still runs, what has come by now.

    \b
    tickbus replay -recording monday -task cpu -rec-time -replay-id try2 -no-side-effects
    tickbus replay-effects try2
    """
    offset = 0
    while True:
        page = client.request(
            "GET", f"{path_of('replays', id)}/effects", parameters={"offset": offset, "limit": _AT_ONCE}
        )
        for effect in page["effects"]:
            if not kinds or effect["kind"] in kinds:
                print(jsons.dumps(effect, ensure_ascii=False) if json else effect_line(effect))
        offset = page["next"]
        if not page["effects"] or offset >= page["count"]:
            break
    if not page["count"]:
        note("nothing would have been done")
    if page["left-out"]:
        note(f"there was no room for {page['left-out']} more")
    return 0
