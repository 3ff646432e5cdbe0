"""``tickbus nodes``: the nodes that scripts may use."""

from __future__ import annotations

import click

from services.alerting.handlers import specs
from services.cli.go_flags import Command
from services.cli.output.printing import as_json
from services.cli.reference_pages import print_reference
from services.nodes import registry
from services.pipeline.compiler.sources import SOURCES
from services.pipeline.docs import node_docs
from services.pipeline.functions import UDF


@click.command(cls=Command)
@click.argument("name", required=False)
@as_json
def command(name: str | None, json: bool) -> int:
    """List the nodes that scripts may use, or print all about one."""
    handlers = specs()
    known = {spec.name: spec for spec in SOURCES.values()} | dict(registry(handlers).nodes) | {UDF.name: UDF}
    visible = {name: spec for name, spec in known.items() if not spec.hidden or spec is UDF}
    docs = {name: spec.doc for name, spec in visible.items()}
    return print_reference("node", name, docs, lambda one: node_docs(visible[one], handlers.values()), as_json=json)
