from pathlib import Path

import pytest
from marshmallow import Schema, fields

from schemas.config import load_config
from schemas.config.load import own_sections, root_schema
from schemas.config.overriding import Overridable
from schemas.config.render import render_config
from schemas.config.section import keys_of


class Slack(Schema):
    url = fields.String(load_default="", metadata={"doc": "Where to post.", "secret": True})


def test_what_is_printed_loads_to_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('hostname = "a \\"b\\" \\u007f"\n[[slack]]\nurl = "x"\n[engine]\nheartbeat = "1500ms"')
    extra = {"slack": Slack(many=True)}
    config = load_config(file, extra=extra)
    again = tmp_path / "b.toml"
    again.write_text(render_config(config, extra, reveal=True))
    assert load_config(again, extra=extra) == config


def test_secrets_are_starred_out(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('[nats]\nurl = "nats://bob:hunter2@a:1,nats://bob:hunter3@b:1"\npassword = "hunter4"')
    text = render_config(load_config(file), {})
    assert "hunter" not in text
    assert 'url = "nats://bob:********@a:1,nats://bob:********@b:1"' in text


@pytest.mark.parametrize(
    ("url", "shown", "secrets"),
    [
        ("nats://t0ken@a:1", "nats://********@a:1", {"t0ken"}),
        ("tls://t0ken@a:1, b:2", "tls://********@a:1, b:2", {"t0ken"}),
        ("bob:hunter2@a:1,eve:hunter3@b:1", "bob:********@a:1,eve:********@b:1", {"hunter2", "hunter3"}),
        ("nats://bob:p%40/@x@a", "nats://bob:********@a", {"p%40/@x", "p@/@x"}),
        ("nats://a:1,b:2", "nats://a:1,b:2", set()),
    ],
)
def test_what_logs_in_to_nats_is_starred_out_of_its_urls_as_they_are_read(
    url: str, shown: str, secrets: set[str]
) -> None:
    """A user alone is a token; a scheme may be left out."""
    config = load_config(overrides={"nats": {"url": url}})
    assert f'url = "{shown}"' in render_config(config, {}).splitlines()
    assert Overridable(config).secrets(config) == secrets


class Trap(Schema):
    community = fields.String(load_default="public", metadata={"doc": "The community.", "secret": True})


def test_a_default_is_no_secret(tmp_path: Path) -> None:
    """What is printed is a file to start from: stars in it would be taken for the value."""
    extra = {"trap": Trap()}
    config = load_config(extra=extra)
    file = tmp_path / "a.toml"
    file.write_text(render_config(config, extra))
    assert load_config(file, extra=extra) == config


def test_every_setting_is_documented() -> None:
    for name, schema in {"": root_schema(), **own_sections()}.items():
        for key, declared in keys_of(schema).items():
            doc = declared.metadata.get("doc", "")
            assert doc.endswith(".") and len(doc) > 10, f"[{name}] {key} has no documentation"


def test_an_absent_list_section_is_shown_as_a_comment() -> None:
    extra = {"slack": Slack(many=True)}
    assert '# [[slack]]\n# # Where to post.\n# url = ""\n' in render_config(load_config(extra=extra), extra)
