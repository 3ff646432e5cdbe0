"""What rules look at."""

from __future__ import annotations

from dataclasses import dataclass

from grammar.tickscript.ast import Script, TickscriptError
from services.linting.flow import Flow
from services.linting.sample import Sample
from services.pipeline.graph import Graph


@dataclass(frozen=True, slots=True)
class Subject:
    """A script, as far as it could be read.

    script: None where `broken` says why there is none, mistake by mistake. graph, flow: None where there is no script
    or `refused` says why it has none. lacking: where that is a function (`@name`) that cannot be used here, why it
    cannot; else empty.
    template: it has vars without values, so that much of what nodes are given is made up.
    """

    script: Script | None = None
    broken: tuple[TickscriptError, ...] = ()
    graph: Graph | None = None
    flow: Flow | None = None
    refused: TickscriptError | None = None
    lacking: str = ""
    template: bool = False
    sample: Sample | None = None
