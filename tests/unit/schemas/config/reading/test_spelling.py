"""Keys in any case; durations as Go reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.config import Config, ConfigError, load_config
from services.cli.handler_settings import handler_sections


def load(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "x.conf"
    file.write_text(text)
    return load_config(file, extra=handler_sections())


def test_sections_and_keys_may_be_written_in_any_case(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        HostName = "h"
        [HTTP]
        Bind-Address = ":1"
        [logging]
        LEVEL = "warn"
        [[HttpPost]]
        Endpoint = "e"
        Headers = {Authorization = "x"}
        [HttpPost.Basic-Auth]
        UserName = "u"
        [UDF.Functions.Mean]
        Prog = "/opt/mean"
        Timeout = "5s"
        [STATS]
        Enabled = false
        """,
    )
    assert (config.hostname, config.http.bind_address, config.logging.level) == ("h", ":1", "WARN")
    [endpoint] = config.sections["httppost"]
    assert (endpoint.endpoint, endpoint.headers, endpoint.basic_auth.username) == ("e", {"Authorization": "x"}, "u")
    assert config.udf.functions["Mean"].timeout == 5.0


def test_a_key_that_is_there_in_two_cases_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "[smtp]\nport = 25\nPORT = 26\n[[slack]]\nurl = ''\nURL = ''")
    assert sorted(str(caught.value).splitlines()) == [
        "config: [[slack]] 0: URL: is there twice, as url too",
        "config: [smtp] PORT: is there twice, as port too",
    ]


@pytest.mark.parametrize("written", ["0", "'0'", "'0s'", "''"])
def test_a_duration_of_nothing_needs_no_unit(tmp_path: Path, written: str) -> None:
    assert load(tmp_path, f"[[influxdb]]\ntimeout = {written}").influxdb[0].timeout == 0.0


def test_an_empty_duration_is_the_default_one(tmp_path: Path) -> None:
    assert load(tmp_path, "[engine]\nstep-limit = ''").engine == Config().engine


@pytest.mark.parametrize("written", ["3", "-3", "0.5", "0.0", "'30'", "3000000000"])
def test_a_number_alone_is_no_duration(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match=r"^config: \[\[influxdb\]\] 0: timeout: needs a unit, as in "):
        load(tmp_path, f"[[influxdb]]\ntimeout = {written}")
