from pathlib import Path

import pytest

from schemas.config import Config, ConfigError, load_config
from schemas.config.influxdb import clusters_by_name
from schemas.config.render import render_config

TWO = """
[[influxdb]]
name = "a"
urls = ["http://a:8086", "https://u:hunter1@b:8086"]
username = "u"
password = "hunter2"
timeout = "2s"
disable-subscriptions = true
[influxdb.subscriptions]
db = ["autogen"]

[[influxdb]]
name = "b"
default = true
"""


def load(tmp_path: Path, text: str, **environment: str) -> Config:
    file = tmp_path / "tickbus.toml"
    file.write_text(text)
    return load_config(file, environment=environment)


def test_by_name_and_default(tmp_path: Path) -> None:
    config = load(tmp_path, TWO)
    clusters = clusters_by_name(config.influxdb)
    assert clusters[""].name == "b" and clusters["b"].urls == ("http://localhost:8086",)
    assert (clusters["a"].password, clusters["a"].timeout) == ("hunter2", 2.0)
    assert clusters["a"].subscriptions == {"db": ("autogen",)}
    again = tmp_path / "again.toml"
    again.write_text(render_config(config, {}, reveal=True))
    assert load_config(again) == config
    assert "hunter" not in render_config(config, {})


def test_without_a_section_there_is_one_on_this_host(tmp_path: Path) -> None:
    assert clusters_by_name(load(tmp_path, "").influxdb)[""].urls == ("http://localhost:8086",)
    assert clusters_by_name(load(tmp_path, "[[influxdb]]\nenabled = false").influxdb) == {}


def test_subscriptions_are_made_where_there_is_a_section(tmp_path: Path) -> None:
    [unasked], [asked] = load(tmp_path, "").influxdb, load(tmp_path, "[[influxdb]]").influxdb
    assert (unasked.disable_subscriptions, asked.disable_subscriptions) == (True, False)
    [by_environment] = load(tmp_path, "", KAPACITOR_INFLUXDB_0_URLS_0="http://x:1").influxdb
    assert not by_environment.disable_subscriptions


def test_by_environment(tmp_path: Path) -> None:
    [cluster] = load(tmp_path, "", KAPACITOR_INFLUXDB_0_URLS_0="http://x:1", KAPACITOR_INFLUXDB_0_NAME="n").influxdb
    assert (cluster.urls, cluster.name) == (("http://x:1",), "n")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (TWO.replace('"b"', '"a"'), 'duplicate elements: "a"'),
        (TWO.replace("default = true", ""), "must be marked as default"),
        (TWO.replace('name = "a"', 'name = "a"\ndefault = true'), "more than one InfluxDB default was specified: a b"),
        ('[[influxdb]]\nname = "a b"', "must contain only numbers, letters"),
        ("[[influxdb]]\nurls = []", "must specify at least one InfluxDB URL"),
        ('[[influxdb]]\nurls = ["localhost:8086"]', "must start with http:// or https://"),
        ('[[influxdb]]\nsubscription-protocol = "tcp"', "must be one of 'udp', 'http' or 'https'"),
        ("[[influxdb]]\nhttp-port = 65536", "must be a port up to 65535"),
        ("[[influxdb]]\nurl = 1", "did you mean urls?"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        load(tmp_path, text)
