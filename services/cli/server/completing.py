"""What a shell completes ids with: those that the server has."""

from __future__ import annotations

from collections.abc import Callable

import click
from click.shell_completion import CompletionItem

from services.cli.errors import MistakenCall
from services.cli.server.connecting import address_of, connected, skips_verifying
from services.cli.server.lists import matching
from tickbus.errors import TickbusError

_MOST = 200

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def ids(kind: str) -> Complete:
    """The ids of a kind that begin with what is typed; none where no server answers."""

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        of = ctx.params.get("kind") if kind == "any" else kind
        if of is None or of == "topic-handlers":
            return []
        try:
            with connected(address_of(ctx), skips_verifying(ctx)) as client:
                found = [one.get("id") or one["name"] for one in matching(client, of, [f"{incomplete}*"])]
        except (TickbusError, MistakenCall):
            return []
        return [CompletionItem(one) for one in found[:_MOST]]

    return complete
