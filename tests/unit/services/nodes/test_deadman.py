"""deadman: the texts of its alerts, as the configuration has them."""

from __future__ import annotations

import pickle
from dataclasses import replace

from grammar.tickscript.parser import parse
from schemas.config import Deadman
from services.nodes import ConfiguredNodes
from services.nodes.alert import AlertProperties
from services.pipeline.compiler.compile import compile_script

TEXTS = Deadman(id="node 'NODE_NAME'", message="{{ .ID }}: {{ .Level }} in INTERVAL")


def texts_of(script: str, texts: Deadman) -> tuple[str, str]:
    """Id and message of a script's alert."""
    configured = pickle.loads(pickle.dumps(ConfiguredNodes(texts)))  # as a helper process gets it
    nodes = compile_script(parse(script), configured({}, {})).graph.nodes
    [alert] = [node.properties for node in nodes if isinstance(node.properties, AlertProperties)]
    return str(alert.id), str(alert.message)


def test_the_texts_of_the_configuration() -> None:
    assert texts_of("stream|from()|deadman(1.0, 10s)", TEXTS) == ("node 'from1'", "{{ .ID }}: {{ .Level }} in 10s")


def test_a_script_has_texts_of_its_own() -> None:
    assert texts_of("stream|from()|deadman(1.0, 10s).id('x').message('y')", TEXTS) == ("x", "y")


def test_where_it_is_global_a_script_is_as_if_it_ended_with_one_on_its_source() -> None:
    texts = replace(TEXTS, global_=True, threshold=2.0, interval=30.0)
    for script, source in (
        ("stream|from()|log()", "stream"),
        ("batch|query('SELECT v FROM d.r.m').period(1m).every(1m)|log()", "batch"),
    ):
        assert texts_of(script, texts) == (f"node '{source}0'", "{{ .ID }}: {{ .Level }} in 30s")
        written = compile_script(parse(f"{script}\n{source}|deadman(2.0, 30s)"), ConfiguredNodes(TEXTS)({}, {})).graph
        built = compile_script(parse(script), ConfiguredNodes(texts)({}, {})).graph
        assert [(n.name, repr(n.properties)) for n in built.nodes] == [
            (n.name, repr(n.properties)) for n in written.nodes
        ]


def test_texts_that_are_not_configured() -> None:
    identity, message = texts_of("stream|from()|deadman(1.0, 10s)", Deadman())
    assert identity == "{{ .Group }}:from1 for task '{{ .TaskName }}'"
    assert message.endswith(" points/10s.")
