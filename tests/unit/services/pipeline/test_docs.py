"""Documentation made from specs."""

from __future__ import annotations

from services.pipeline.compiler.sources import STREAM
from services.pipeline.docs import handler_docs, node_docs
from tests.support.nodes import HANDLERS, REGISTRY


def test_a_page_names_edges_arguments_and_properties() -> None:
    assert node_docs(REGISTRY.nodes["mean"]) == (
        "|mean(field string)\n\nTakes stream or batch. Gives stream.\n\nmean.\n\n"
        "Arguments\n  field string\n      Of which field.\n\n"
        "Properties\n  .as(string)\n      What the result is called.\n"
    )


def test_alerts_name_their_handlers() -> None:
    page = node_docs(REGISTRY.nodes["alert"], HANDLERS)
    assert ".stateChangesOnly([duration])\n" in page
    assert ".inhibit(string, string …)\n" in page
    assert page.endswith("Handlers\n  .post(urls string …)\n      Posts.\n")
    assert handler_docs(HANDLERS[0]).startswith("|alert().post(urls string …)\n\nPosts.\n\nArguments\n")


def test_sources_and_leaves() -> None:
    assert node_docs(STREAM).startswith("stream\n\nTakes stream. Gives stream.\n")
    assert "Nothing can be chained to it." in node_docs(REGISTRY.nodes["influxDBOut"])
