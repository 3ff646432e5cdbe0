"""An option of a handler is stated once: what scripts, the API, the configuration and service tests know follows."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from marshmallow import ValidationError, fields

from schemas.config.fields import Flag, Texts
from schemas.config.section import schema_of
from services.alerting.declarations.options import (
    CONFIGURED,
    Of,
    Option,
    ScriptProperty,
    Strings,
    configured,
    given_by_default,
    option,
    options_of,
    options_tested,
    records,
    with_configured,
)
from services.alerting.declarations.script import options_from, properties_of
from services.alerting.declarations.templates import check_templates, rendered
from services.alerting.handlers import kinds
from services.pipeline.spec import Mode, Properties, Type
from tests.unit.services.alerting.handlers.test_handlers import event


@dataclasses.dataclass(frozen=True, kw_only=True)
class Link:
    href: str = option("The URL", template=True)
    text: str = option("The text", template=True, template_name="words")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    who: str = option("Who is told", configured="somebody", test=CONFIGURED, script=ScriptProperty(argument="name"))
    teams: tuple[str, ...] = option("Teams", Texts, configured="some", script=ScriptProperty(repeated=True))
    title_text: str = option(
        "The title", template=True, template_name="title", default="{{ .ID }}", unless="the id", test="t"
    )
    silent: bool = option("Send it silently", Flag, configured="it")
    own: Mapping[str, Any] = option("Own", fields.Dict, template=True, script=ScriptProperty("ownKey"))
    links: tuple[Link, ...] = option("Links", records(Link), script=ScriptProperty("link", variadic=True))
    prog_args: tuple[str, ...] = option("Arguments", Strings)
    after: int = option("After which it ends, in ns", fields.Integer, 7, script=ScriptProperty(type=Type.DURATION))
    hidden: str = option("Only of the API", key="h_i", script=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    recipient: str = configured(Options, "who", "bob", secret=True)
    teams: tuple[str, ...] | None = configured(Options, "teams", None)
    silent: bool = configured(Options, "silent")


def properties(**values: Any) -> Properties:
    made = properties_of("P", Options, lambda properties: None)()
    for name, value in values.items():
        assert hasattr(made, name)
        setattr(made, name, value)
    return made


def test_the_documentation_says_where_a_value_comes_from_otherwise() -> None:
    documentation = {name: one.documentation for name, one in options_of(Options).items()}
    assert documentation["who"] == "Who is told; that of the configuration unless set."
    assert documentation["teams"] == "Teams; those of the configuration unless set."
    assert documentation["title_text"] == "The title; a template, the id unless set."
    assert documentation["own"] == "Own; those that are strings are templates."
    docs = {name: field.metadata["doc"] for name, field in schema_of(Section)().fields.items()}
    assert docs["recipient"] == "Who is told, unless the alert names somebody."
    assert docs["silent"] == "Send it silently, whatever the alert says."


def test_scripts_have_a_property_of_each_option() -> None:
    specs = {spec.name or spec.attribute: spec for spec in properties().specs()}
    assert list(specs) == ["name", "teams", "titleText", "silent", "ownKey", "link", "progArgs", "after"]
    assert specs["name"].name == "" and specs["name"].types == (Type.STRING,)
    assert specs["silent"].mode is Mode.FLAG and specs["ownKey"].mode is Mode.PUT and specs["link"].mode is Mode.APPEND
    assert specs["link"].types == (Type.STRING, Type.STRING) and specs["link"].variadic
    assert specs["after"].types == (Type.DURATION,)


def test_what_a_script_leaves_out_is_the_options_default() -> None:
    assert options_from(Options, properties(name="a")) == {
        "who": "a",
        "teams": [],
        "title-text": "{{ .ID }}",
        "silent": False,
        "own": {},
        "links": [],
        "prog-args": [],
        "after": 7,
    }


def test_what_a_script_says_is_read_back_by_the_schema() -> None:
    given = {"teams": [("a", "b"), ("c",)], "links": [("u",), ("v", "w")], "own": {"k": 1}, "after": 9, "silent": True}
    plain = options_from(Options, properties(name="a", **given))
    assert plain["links"] == [{"href": "u", "text": ""}, {"href": "v", "text": "w"}]
    assert schema_of(Options)().load(plain) == Options(
        who="a",
        teams=("a", "b", "c"),
        silent=True,
        own={"k": 1},
        links=(Link(href="u"), Link(href="v", text="w")),
        after=9,
    )
    with pytest.raises(ValidationError, match="Unknown field"):
        schema_of(Options)().load({"links": [{"ref": "x"}]})
    assert schema_of(Options)().load({"h_i": "x"}).hidden == "x"


def test_the_section_counts_where_the_alert_says_nothing() -> None:
    section = Section(recipient="bob", teams=("x",), silent=True)
    assert with_configured(Options(), section) == Options(who="bob", teams=("x",), silent=True)
    assert with_configured(Options(who="a", teams=("y",)), Section()) == Options(who="a", teams=("y",))
    assert schema_of(Section)().fields["recipient"].metadata["secret"]


def test_templates_in_every_kind_of_option() -> None:
    options = Options(title_text="{{ .ID }}!", own={"k": "{{ .Level }}", "n": 1}, links=(Link(href="{{ .Name }}"),))
    check_templates(options)
    shown = rendered(options, event())
    assert shown == dataclasses.replace(
        options, title_text="c!", own={"k": "CRITICAL", "n": 1}, links=(Link(href="cpu"),)
    )
    for wrong, name in (
        (Options(title_text="{{"), "title"),
        (Options(own={"k": "{{"}), "k"),
        (Options(links=(Link(text="{{"),)), "words"),
    ):
        with pytest.raises(ValueError, match=f"template: {name}:1: "):
            check_templates(wrong)


def test_options_beyond_those_that_are_kept_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.alerting.declarations.templates._MOST_COMPILED", 2)
    every = [Options(title_text=f"{n} {{{{ .ID }}}}") for n in range(3)] + [Options(title_text="plain")]
    for id in ("a", "b"):
        titles = [rendered(one, event(id=id)).title_text for one in every]
        assert titles == [f"0 {id}", f"1 {id}", f"2 {id}", "plain"]
    assert rendered(every[3], event()) is every[3]


def test_what_a_test_of_a_service_is_given() -> None:
    declared = {"to": Of("who"), "message": "m", "title": Of("title_text"), "teams": Of("teams")}
    given = given_by_default(declared, Options, Section(recipient="bob"))
    assert given == {"to": "bob", "message": "m", "title": "t", "teams": ""}
    assert options_tested(declared, Options, {**given, "teams": ["a"]}) == Options(
        who="bob", title_text="t", teams=("a",)
    )
    assert options_tested(declared, Options, {**given, "teams": None}).teams == ()


def every_option(options: type[Any]) -> Iterator[Option]:
    for one in options_of(options).values():
        yield one
        if hasattr(one.kind, "record"):
            yield from every_option(one.kind.record)


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_no_option_of_a_handler_is_undocumented_or_stated_beside_the_declaration(kind: str) -> None:
    handler = kinds()[kind]
    declared = {field.name for field in dataclasses.fields(handler.options)}
    assert declared == set(options_of(handler.options)) == set(handler.schema.fields)
    for one in every_option(handler.options):
        assert one.doc and not one.doc.endswith(".") and one.documentation.endswith("."), one
    for one in handler.test_options.values():
        assert not isinstance(one, Of) or one.attribute in declared
    if handler.section is not None:
        for field in dataclasses.fields(handler.section.kind):
            assert field.metadata["doc"].endswith("."), field.name
            assert field.metadata.get("configures", "") in {"", *declared}


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_section_that_counts_for_an_option_is_one_that_the_option_names(kind: str) -> None:
    handler = kinds()[kind]
    kind_of = handler.section.kind if handler.section is not None else None
    named = {one.attribute for one in options_of(handler.options).values() if one.configured}
    settings = {field.name for field in dataclasses.fields(kind_of)} if kind_of is not None else set()
    configures = {f.metadata.get("configures") for f in dataclasses.fields(kind_of)} if kind_of is not None else set()
    # those that count in a way of their own are settings of the same name all the same
    assert named <= settings | configures


@pytest.mark.parametrize("kind", sorted(kind for kind, handler in kinds().items() if handler.spec.in_scripts))
def test_what_a_script_says_goes_from_process_to_process(kind: str) -> None:
    said = kinds()[kind].spec.properties()
    there = pickle.loads(pickle.dumps(said))
    assert there == said and type(there) is type(said)
