"""Sections of inputs and discoverers as they stand in a file of Kapacitor's."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.config import Config, ConfigError, load_config

KAPACITOR = """
[[udp]]
  enabled = true
  bind-address = ":9100"
  database = "game"
  retention-policy = "autogen"

[[graphite]]
  enabled = true
  bind-address = ":2004"
  consistency-level = "one"

[collectd]
  enabled = false
  bind-address = ":25826"
  database = "collectd"
  retention-policy = ""
  batch-size = 1000
  batch-pending = 5
  batch-timeout = "10s"
  typesdb = "/usr/share/collectd/types.db"

[opentsdb]
  enabled = false
  bind-address = ":4242"
  tls-enabled = false
  certificate = "/etc/ssl/influxdb.pem"
  batch-timeout = "1s"

[[scraper]]
  enabled = false
  name = "myscraper"
  discoverer-id = ""
  discoverer-service = ""
  db = "prometheus_raw"
  rp = "autogen"
  type = "prometheus"
  scheme = "http"
  metrics-path = "/metrics"
  scrape-interval = "1m0s"
  scrape-timeout = "10s"
  username = ""
  password = ""
  bearer-token = ""
  ssl-server-name = ""
  insecure-skip-verify = false

[[consul]]
  enabled = true
  id = "myconsul"
  address = "127.0.0.1:8500"
  tag-separator = ","

[[triton]]
  enabled = false
  id = "mytriton"
  version = 1

[[file-discovery]]
  enabled = false
  id = "myfile"
  refresh-interval = "5m0s"
  files = []

[[static-discovery]]
  enabled = true
  id = "mystatic"
  targets = ["localhost:9100"]
  [static-discovery.labels]
    region = "us-east-1"
"""


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "tickbus.toml"
    path.write_text(text)
    return load_config(path)


def test_a_file_of_kapacitors_is_taken(tmp_path: Path) -> None:
    config = load(tmp_path, KAPACITOR)
    assert [(one.bind_address, one.database, one.retention_policy) for one in config.udp] == [
        (":9100", "game", "autogen")
    ]
    assert [(one.bind_address, one.database, one.batch_timeout) for one in config.graphite] == [
        (":2004", "graphite", 1)
    ]
    assert (config.collectd.batch_size, config.collectd.batch_timeout) == (1000, 10)
    assert (config.opentsdb.batch_size, config.opentsdb.batch_pending) == (1000, 5)
    assert [one.scrape_interval for one in config.scraper] == [60]
    assert [(one.id, one.labels) for one in config.static_discovery] == [("mystatic", {"region": "us-east-1"})]
    assert any("[[consul]]" in warning for warning in config.warnings)


def test_without_them_nothing_listens(tmp_path: Path) -> None:
    config = load(tmp_path, "")
    assert not (config.udp or config.graphite or config.scraper or config.collectd.enabled or config.opentsdb.enabled)


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("[[udp]]\nenabled = true", "config: [[udp]] 0: bind-address: has to be specified"),
        ("[[udp]]\nenabled = true\nbind-address = ':1'", "config: [[udp]] 0: database: has to be specified"),
        ("[opentsdb]\nenabled = true\nbind-address = 'x'", 'config: [opentsdb] bind-address: must be "HOST:PORT"'),
        ("[collectd]\nbatch-size = -1", "config: [collectd] batch-size: must not be negative"),
        ("[[scraper]]\nenabled = true", "config: [[scraper]] 0: name: scraper config must be given a name"),
        ("[[scraper]]\nenabled = true\nname = 'a'", "config: [[scraper]] 0: db: scraper config must be given a db"),
        ("[[scraper]]\nscrape-interval = '0s'", "config: [[scraper]] 0: scrape-interval: must be more than 0"),
        ("[[scraper]]\nname = 'a'\n[[scraper]]\nname = 'a'", 'config: [[scraper]]: duplicate elements: "a"'),
        ("[[static-discovery]]\nenabled = true", "config: [[static-discovery]] 0: id: static discovery must be given"),
        ("[[file-discovery]]\nid = 'a'\nfiles = ['x.txt']", 'files: path name "x.txt" is not valid for file discovery'),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert mistake in str(error.value)
