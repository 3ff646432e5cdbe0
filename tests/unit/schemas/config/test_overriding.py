"""Overrides on a configuration: what they make of it, how it is shown, and what is wrong with some."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pytest

from schemas.config import Config, InfluxDB, Kubernetes
from schemas.config.fields import Duration, Flag, Text, Texts, Whole
from schemas.config.influxdb import clusters_by_name
from schemas.config.overriding import Overridable, Override, OverrideConflict, OverrideError
from schemas.config.section import schema_of, setting


@dataclass(frozen=True, kw_only=True)
class Chat:
    """A list section, as handlers bring it."""

    workspace: str = setting("", Text, "Its name.")
    default: bool = setting(False, Flag, "Whether it is meant.")
    url: str = setting("", Text, "Where.", secret=True)
    user: str = setting("kapacitor", Text, "Who.")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A section that stands once."""

    port: int = setting(25, Whole, "The port.")
    idle: float = setting(30.0, Duration, "How long.")
    to: tuple[str, ...] = setting((), Texts, "To whom.")
    password: str = setting("", Text, "The password.", secret=True)


EXTRA = {"chat": schema_of(Chat)(many=True), "mail": schema_of(Mail)()}
BASE = Config(
    influxdb=(InfluxDB(name="a", default=True), InfluxDB(name="b")),
    sections=MappingProxyType({"chat": (), "mail": Mail(port=26)}),
)
OVERRIDABLE = Overridable(BASE, EXTRA, {"chat": (Chat(default=True),)})


def override(place: str, create: bool = False, **options: Any) -> Override:
    section, _, element = place.partition("/")
    return Override(section, element, create, options)


def refused(changed: Override, *others: Override) -> str:
    with pytest.raises(OverrideError) as error:
        OVERRIDABLE.check(changed.section, [*others, changed], changed)
    return str(error.value)


def test_what_counts_is_the_file_with_what_is_set() -> None:
    config, problems = OVERRIDABLE.effective(
        [
            override("mail", port="2525", idle="1m30s", to=["a"]),
            override("chat", url="u"),
            override("chat/w", create=True, workspace="w"),
            override("influxdb/b", default=True),
            override("influxdb/a", default=False, timeout="5s"),
            override("kubernetes/k", create=True, id="k", enabled=True, **{"api-servers": ["http://k"]}),
        ]
    )
    assert problems == []
    assert config.sections["mail"] == Mail(port=2525, idle=90.0, to=("a",))
    assert config.sections["chat"] == (Chat(default=True, url="u"), Chat(workspace="w", user=""))
    assert config.influxdb == (InfluxDB(name="a", timeout=5.0), InfluxDB(name="b", default=True))
    assert config.kubernetes == (Kubernetes(id="k", enabled=True, api_servers=("http://k",)),)
    assert BASE.sections["mail"] == Mail(port=26)
    assert OVERRIDABLE.effective([]) == (BASE, [])


def test_elements_are_shown_by_name_without_secrets_and_with_null_for_what_nobody_gave() -> None:
    given = [override("mail", port=27.0, password="p"), override("chat/w", create=True, workspace="w", url="u")]
    mail = {"port": 27, "idle": "30s", "to": None, "password": True}
    assert OVERRIDABLE.shown("mail", given) == [("", mail, ["password"])]
    assert OVERRIDABLE.shown("mail", [override("mail", to=[])])[0][1]["to"] == []
    assert OVERRIDABLE.shown("chat", given) == [
        ("", {"workspace": "", "default": True, "url": False, "user": "kapacitor"}, ["url"]),
        ("w", {"workspace": "w", "default": False, "url": True, "user": ""}, ["url"]),
    ]
    assert OVERRIDABLE.shown("swarm", given) == []
    assert OVERRIDABLE.names == ["chat", "ec2", "influxdb", "kubernetes", "mail", "swarm"]
    assert [OVERRIDABLE.element_key(name) for name in ("chat", "mail", "influxdb", "ec2", "http")] == [
        "workspace",
        "",
        "name",
        "id",
        None,
    ]


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (override("mail", prot=1, b=2), "mail/: unknown options [b prot] in section mail"),
        (override("mail/x", port=1), "mail/x: unknown options [port] in section mail"),
        (override("nosuch", x=1), "nosuch/: unknown options [x] in section nosuch"),
        (override("nosuch"), "nosuch/: unknown section nosuch"),
        (override("mail", port=1.5), "mail/: cannot set option port: must be an integer"),
        (override("mail", port="x"), "mail/: cannot set option port: must be an integer"),
        (
            override("mail", port=None),
            "mail/: cannot set option port: must not be null: delete it, and it is as in the file",
        ),
        (override("mail", to="x"), "mail/: cannot set option to: must be a list of strings"),
        (override("chat/x", url="u"), "chat/x: unknown options [url] in section chat"),
        (override("chat", workspace="w"), "chat/: cannot override element key workspace"),
        (override("chat/w", create=True), 'chat/: element key "workspace" not present in options'),
        (
            override("influxdb/a", urls=[]),
            "influxdb/a: failed validation: must specify at least one InfluxDB URL",
        ),
    ],
)
def test_what_cannot_be_set_is_told_in_the_words_of_kapacitor(changed: Override, text: str) -> None:
    assert refused(changed) == f"failed to override configuration {text}"


def test_elements_must_agree() -> None:
    assert refused(override("influxdb/a", create=True, name="a")) == 'section "influxdb" has duplicate elements: "a"'
    none = override("influxdb/a", default=False)
    with pytest.raises(OverrideConflict, match="failed to update configuration influxdb/a: no default cluster found"):
        OVERRIDABLE.check("influxdb", [none], none, "a")
    OVERRIDABLE.check("influxdb", [override("influxdb/a", enabled=False)], None)


def test_what_is_meant_may_move_from_one_to_another() -> None:
    both = [override("influxdb/b", default=True)]
    OVERRIDABLE.check("influxdb", both, both[0])
    moved = [*both, override("influxdb/a", default=False)]
    OVERRIDABLE.check("influxdb", moved, moved[1])
    assert clusters_by_name(OVERRIDABLE.effective(both)[0].influxdb)[""].name == "b"
    assert clusters_by_name(OVERRIDABLE.effective(moved)[0].influxdb)[""].name == "b"


def test_what_fits_the_file_no_more_is_left_out_alone() -> None:
    config, problems = OVERRIDABLE.effective(
        [
            override("mail", port=1),
            override("chat/gone", url="u"),
            override("gone", x=1),
            override("influxdb/a", default=False),
        ]
    )
    assert config.sections["mail"] == Mail(port=1)
    assert config.influxdb == BASE.influxdb
    assert problems == [
        "failed to override configuration chat/gone: unknown options [url] in section chat",
        "there is no section gone",
        "influxdb: no default cluster found",
    ]
    # one that does not fit any more does not keep others from being changed
    good = override("mail", port=2)
    OVERRIDABLE.check("mail", [override("mail/x", port=1), good], good)
