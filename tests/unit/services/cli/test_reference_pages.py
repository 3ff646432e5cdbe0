"""The reference that the command prints is whole, and a name that there is not is answered with one that there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.alerting.handlers import kinds, options_of, specs
from services.cli.main import main
from services.nodes import registry
from services.pipeline.docs import handler_docs, node_docs
from services.pipeline.spec import NodeSpec, Properties

NODES = sorted(registry(specs()).nodes.values(), key=lambda spec: spec.name)


def gaps(properties: type[Properties], where: str) -> Iterator[str]:
    """The properties and arguments that nothing is said of, parts included."""
    for spec in properties.specs():
        name = f"{where}.{spec.name or spec.attribute}"
        if not spec.doc.strip().endswith((".", "?", ")")):
            yield f"{name}: {spec.doc!r}"
        if spec.part is not None:
            yield from gaps(spec.part, name)


@pytest.mark.parametrize("spec", NODES, ids=lambda spec: spec.name)
def test_every_node_says_what_it_and_all_its_properties_are(spec: NodeSpec) -> None:
    assert spec.doc.strip()
    assert not list(gaps(spec.properties, spec.name))
    page = node_docs(spec, specs().values())
    for one in spec.properties.by_name().values():
        assert f".{one.name}(" in page


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_every_handler_says_what_it_and_all_that_it_takes_are(kind: str) -> None:
    spec = kinds()[kind].spec
    assert spec.doc.strip()
    assert not list(gaps(spec.properties, kind))
    page = handler_docs(spec, options_of(kind))
    assert page.startswith(f"|alert().{spec.name}(" if spec.in_scripts else f'"kind": "{kind}"')
    for option, doc in options_of(kind).items():
        assert f"\n  {option}\n" in page and doc.endswith(".")


def test_the_list_has_every_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert set(listed) == {spec.name for spec in NODES if not spec.hidden} | {"stream", "batch", "udf"}
    assert all(not line.startswith(" ") or line.strip() for line in lines)


@pytest.mark.parametrize("name", ["window", "|window()", "Window"])
def test_a_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", name]) == 0
    assert capsys.readouterr().out.startswith("|window()\n\nTakes stream. Gives batch.\n")


def test_pages_of_what_is_not_written_as_a_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", "udf"]) == 0
    assert capsys.readouterr().out.startswith("@NAME()\n")
    assert main(["handlers", "post"]) == 0
    assert capsys.readouterr().out.startswith("|alert().post(")


def test_a_name_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nodes", "windw"]) == 2
    assert main(["nodes", "noOp"]) == 2
    assert main(["handlers", "pst"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "tickbus nodes: there is no node windw (did you mean window?)",
        "tickbus nodes: there is no node noOp; `tickbus nodes` lists them",
        "tickbus handlers: there is no handler pst (did you mean post?)",
    ]


def test_a_handler_is_found_by_the_kind_that_the_api_calls_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["handlers", "smtp"]) == 0
    by_kind = capsys.readouterr().out
    assert main(["handlers", "email"]) == 0
    assert by_kind == capsys.readouterr().out
