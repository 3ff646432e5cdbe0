"""``tickbus handlers``: what alerts may be sent with."""

from __future__ import annotations

import click

from services.alerting.handlers import kinds, options_of
from services.cli.go_flags import Command
from services.cli.output.printing import as_json
from services.cli.reference_pages import print_reference
from services.pipeline.docs import handler_docs


@click.command(cls=Command)
@click.argument("name", required=False)
@as_json
def command(name: str | None, json: bool) -> int:
    """List what alerts may be sent with, or print all about one."""
    known = {handler.spec.name: handler.spec for handler in kinds().values()}
    docs = {one: spec.doc.removeprefix(f"{one}: ") for one, spec in known.items()}
    kinds_of = {spec.kind.lower(): one for one, spec in known.items()}

    def page(one: str) -> str:
        return handler_docs(known[one], options_of(known[one].kind))

    return print_reference("handler", name, docs, page, kinds_of, as_json=json)
