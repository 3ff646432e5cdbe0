"""Whatever stands in a configuration file and in the environment, it is a configuration or a mistake that is named."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from schemas.config import Config, ConfigError, load_config
from schemas.config.load import own_sections, root_schema
from schemas.config.reading.unused import unused_keys
from schemas.config.section import keys_of
from services.cli.handler_settings import handler_sections
from tests.support.examples import examples

HANDLERS = handler_sections()
SCHEMAS = own_sections() | HANDLERS
UNUSED = unused_keys()
VALUES = ["1", "-1", "0", "1.5", "nan", "'x'", "''", "'3'", "'10s'", "true", "1979-05-27", "[]", "[1]", "['a']"]
VALUES += ["[['a']]", "[true, 'x']", "{}", "{a = 1}", "{a = {b = 1}}", "[{}]", "[{a = 1}]", "{x = {TIMEOUT = 3}}"]
KEYS = {
    name: sorted({*(keys_of(SCHEMAS[name]) if name in SCHEMAS else ()), *UNUSED.get(name, ()), "quux"})
    for name in sorted({*SCHEMAS, *UNUSED, "quux"})
}
ROOT = [*keys_of(root_schema()), "influxdb", "stats", "quux"]


@st.composite
def files(draw: st.DrawFn) -> str:
    lines = [f"{draw(st.sampled_from(ROOT))} = {draw(st.sampled_from(VALUES))}" for _ in range(draw(st.integers(0, 2)))]
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(list(KEYS)))
        lines.append(draw(st.sampled_from(["[{}]", "[[{}]]"])).format(draw(st.sampled_from([name, name.upper()]))))
        keys = draw(st.lists(st.sampled_from(KEYS[name]), max_size=3, unique=True))
        lines += [f"{draw(st.sampled_from([key, key.title()]))} = {draw(st.sampled_from(VALUES))}" for key in keys]
    return "\n".join(lines)


@st.composite
def variables(draw: st.DrawFn) -> str:
    section = draw(st.sampled_from(list(KEYS)))
    number = draw(st.sampled_from(["", "_0", "_1"]))
    name = f"KAPACITOR_{section}{number}_{draw(st.sampled_from(KEYS[section]))}".upper().replace("-", "_")
    return name + draw(st.sampled_from(["", "_0", "_1", "_a", "_a_0", "_FILE", "_a_TIMEOUT", "_PORT_1_TCP"]))


ENVIRONMENTS = st.dictionaries(
    variables(), st.sampled_from(["x", "1", "3s", "true", "['a']", "/nowhere", "tcp://h:1"]), max_size=3
)


@given(files(), ENVIRONMENTS)
@examples(200)
def test_it_loads_or_says_why_not(text: str, environment: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kapacitor.conf"
        file.write_text(text)
        try:
            config = load_config(file, environment=environment, extra=HANDLERS)
        except ConfigError as error:
            assert all(line.startswith("config: ") for line in str(error).splitlines())
        else:
            assert isinstance(config, Config)
