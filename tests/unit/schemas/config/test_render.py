from pathlib import Path

from marshmallow import Schema, fields

from schemas.config import load_config
from schemas.config.load import keys_of, own_sections, root_schema
from schemas.config.render import render_config


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


def test_every_setting_is_documented() -> None:
    for name, schema in {"": root_schema(), **own_sections()}.items():
        for key, declared in keys_of(schema).items():
            doc = declared.metadata.get("doc", "")
            assert doc.endswith(".") and len(doc) > 10, f"[{name}] {key} has no documentation"


def test_an_absent_list_section_is_shown_as_a_comment() -> None:
    extra = {"slack": Slack(many=True)}
    assert '# [[slack]]\n# # Where to post.\n# url = ""\n' in render_config(load_config(extra=extra), extra)
