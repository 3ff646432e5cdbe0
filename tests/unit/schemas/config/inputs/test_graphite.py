"""Templates and tags of [[graphite]]: what is refused, in Kapacitor's words."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from schemas.config.inputs.graphite import Graphite, split_template
from schemas.config.section import schema_of


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"templates": [" "]}, "missing template at position: 0"),
        ({"templates": ["a b c d"]}, "invalid template format: 'a b c d'"),
        ({"templates": ["a.b"]}, "no measurement in template `a.b`"),
        ({"templates": ["x.* measurement", "x.* .measurement"]}, "duplicate filter 'x.*' found at position: 1"),
        ({"templates": ["measurement", ".measurement"]}, "duplicate filter '' found at position: 1"),
        ({"templates": ["a..b measurement"]}, "filter contains blank section: a..b"),
        ({"templates": ["a*.b measurement"]}, "invalid filter wildcard section: a*.b"),
        ({"templates": ["measurement a=b=c"]}, "invalid template tags: 'a=b=c'"),
        ({"tags": ["a"]}, "invalid template tags: 'a'"),
        ({"enabled": True, "protocol": "sctp"}, "must be tcp or udp, not sctp"),
        ({"enabled": True, "bind-address": "nowhere"}, 'must be "HOST:PORT"'),
    ],
)
def test_mistakes_are_named(given: dict[str, object], mistake: str) -> None:
    with pytest.raises(ValidationError) as error:
        schema_of(Graphite)().load(given)
    assert mistake in str(error.value.messages)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("measurement*", ("", "measurement*", "")),
        ("x.* measurement", ("x.*", "measurement", "")),
        ("measurement a=b,c=d", ("", "measurement", "a=b,c=d")),
        ("x.* measurement a=b", ("x.*", "measurement", "a=b")),
    ],
)
def test_parts_of_a_template(text: str, parts: tuple[str, str, str]) -> None:
    assert split_template(text) == parts
