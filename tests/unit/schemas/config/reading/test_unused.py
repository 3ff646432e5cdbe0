"""Configurations of Kapacitor: all are taken, and what they lose by it is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.config import Config, load_config
from schemas.config.load import own_sections, root_schema
from schemas.config.reading.unused import UNUSED, unused_keys
from schemas.config.section import keys_of
from services.cli.handler_settings import handler_sections

PRINTED = Path(__file__).parents[1] / "printed"
"""What Kapacitor prints of its own configuration, and the list of its settings."""

STATS = "[stats]: tickbus writes no points about itself to a database"

NEVER_IN_1_5_TO_1_8 = {
    ("reporting", "enterprise-url"),
    ("reporting", "stats-interval"),
    ("sensu", "url"),
    ("static", "labels"),
    ("kafka", "sasl-extensions"),
}
"""What older versions had, and what stands in Kapacitor's own example file though no version reads it."""


def load(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "kapacitor.conf"
    file.write_text(text)
    return load_config(file, extra=handler_sections())


def lost(config: Config) -> list[str]:
    return [warning.partition(";")[0] for warning in config.warnings]


@pytest.mark.parametrize("version", ["1.5.7", "1.8.3"])
def test_what_kapacitor_prints_is_a_configuration(version: str) -> None:
    config = load_config(PRINTED / f"kapacitor-{version}.conf", extra=handler_sections())
    assert lost(config) == [STATS]
    assert (config.http.bind_address, str(config.data_dir)) == (":9092", "/home/kapacitor/.kapacitor")
    assert (config.logging.level, config.load.dir) == ("DEBUG", "/home/kapacitor/.kapacitor/load")


def test_every_setting_of_kapacitor_is_known_and_nobody_elses() -> None:
    listed = {tuple(line.split()) for line in (PRINTED / "settings.txt").read_text().splitlines()[1:]}
    used = {("-", key) for key in keys_of(root_schema())}
    for section, schema in (own_sections() | handler_sections()).items():
        used |= {(section, key) for key in keys_of(schema)}
    unused = {(section, key) for section, keys in unused_keys().items() for key in keys}
    assert not listed - used - unused
    assert unused - listed == NEVER_IN_1_5_TO_1_8
    assert not used & unused


def test_no_entry_is_without_effect() -> None:
    assert all(entry.keys or entry.lost for entry in UNUSED)


ESSENTIALS = """
hostname = "h"
data_dir = "/var/lib/kapacitor"
[replay]
dir = "/var/lib/kapacitor/replay"
[storage]
boltdb = "/var/lib/kapacitor/kapacitor.db"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # a section that is off, or that nobody loses by, is silent
        ("[azure]\nenabled = false", []),
        ("[[azure]]\nenabled = false\nclient-id = 'c'", []),
        ("[reporting]\nenabled = true\nurl = 'https://usage.example.org'", []),
        ("[task]\ndir = '/x'\nsnapshot-interval = '60s'", []),
        ("[[static-discovery]]\nenabled = false\n[static.labels]\nregion = 'x'", []),
        ("[[kafka]]\nenabled = false\nsasl-username = 'u'\n[kafka.sasl-oauth-parameters]", []),
        ("[[influxdb]]\nenabled = false\ntoken = 't'", []),
        ("[[influxdb]]\ndisable-subscriptions = true\ncompression = 'none'", []),
        ("[tls]\nmin-version = 'tls1.0'\nciphers = ['X']", []),
        ("[http]\npprof-enabled = true", []),
        ("[auth]\nenabled = false\nmeta-addr = '172.17.0.2:8091'", []),
        ("[deadman]\nglobal = false\nthreshold = 0.0\nid = 'x'", []),
        # one that is on is said once
        ("[[azure]]\nenabled = true\n[[azure]]\nenabled = true", ["[[azure]]: scrapers find no targets by it"]),
        ("[collectd]\nenabled = true\nsecurity-level = 'none'", []),
        (
            "[collectd]\nenabled = true\nsecurity-level = 'sign'",
            ["[collectd]: packets that are signed or encrypted are refused"],
        ),
        ("[fluxtask]\nenabled = true\nsecrets = {a = 'b'}", ["[fluxtask]: there are no Flux tasks"]),
        ("[[influxdb]]\ntoken = 't'\nsubscription-path = 'x'", []),
        (
            "[[influxdb]]\nusername = 'u'\nhttp-shared-secret = true",
            ["[[influxdb]]: http-shared-secret logs nobody in without a secret"],
        ),
        ("[http]\nshared-secret = 's'\n[[influxdb]]\nusername = 'u'\nhttp-shared-secret = true", []),
        (
            "[[kafka]]\nenabled = true\nbrokers = ['k:9092']\nsasl-mechanism = 'GSSAPI'",
            ["[[kafka]]: nobody is logged in to the brokers by GSSAPI, or with a token that has to be asked for"],
        ),
        (
            "[[kafka]]\nenabled = true\nbrokers = ['k:9092']\nsasl-mechanism = 'OAUTHBEARER'",
            ["[[kafka]]: nobody is logged in to the brokers by GSSAPI, or with a token that has to be asked for"],
        ),
        ("[[kafka]]\nenabled = true\nbrokers = ['k:9092']\nsasl-username = 'u'", []),
        (
            "[http]\nhttps-enabled = true\n[tls]\nmin-version = '1.1'\nmax-version = 'TLS1.1'\nciphers = ['X']",
            [
                "[tls]: ciphers are not chosen by name: the suites are those that OpenSSL thinks well of",
                "[tls]: nothing older than tls1.2 is spoken",
                "[tls]: nothing older than tls1.2 is spoken",
            ],
        ),
        (
            "[http]\nauth-enabled = true\npprof-enabled = true",
            ["[http]: pprof-enabled opens nothing to everybody: profiles need credentials while auth-enabled is true"],
        ),
        (
            "[auth]\nenabled = true\nmeta-addr = 'meta:8091'",
            ["[auth]: users of the meta server at meta-addr are not known here"],
        ),
        ("[logging]\nlevel = 'off'", ["[logging]: there is no level OFF: errors are logged"]),
        ("[alert]\npersist-topics = false", ["[alert]: topics are kept over a restart all the same"]),
        # what was Kapacitor's file, and opens no port to others
        (ESSENTIALS, ["[http]: the API listens on this machine alone, Kapacitor's on every interface"]),
        (ESSENTIALS + "[http]\nbind-address = ':9092'", []),
    ],
)
def test_what_is_lost_is_said(tmp_path: Path, text: str, said: list[str]) -> None:
    assert lost(load(tmp_path, text)) == said


def test_a_warning_says_what_to_do() -> None:
    assert all(entry.instead or entry.section not in own_sections() for entry in UNUSED if entry.lost and entry.keys)


def test_what_others_write_into_their_files_is_taken(tmp_path: Path) -> None:
    """The patterns of configurations that people run, each of which Kapacitor 1.5 loads."""
    config = load(
        tmp_path,
        """
        # café
        hostname = "kapacitor"
        data_dir = "/var/lib/kapacitor"
        skip-config-overrides = true
        default-retention-policy = ""
        [logging]
            file = "/var/log/kapacitor/kapacitor.log"
            level = "info"
        [load]
          enabled = true
          dir = "/etc/kapacitor/load"
        [[influxdb]]
          enabled = true
          default = true
          name = "localhost"
          urls = ["http://localhost:8086"]
          timeout = 0
          [influxdb.subscriptions]
          [influxdb.excluded-subscriptions]
        [kubernetes]
          enabled = false
          resource = "pod"
        [[slack]]
          enabled = false
        [sensu]
          enabled = false
          url = ""
        [opsgenie]
            recovery_url = "https://api.opsgenie.com/v1/json/alert/note"
        [udf]
        [udf.functions]
        [[swarm]]
          enabled = false
          servers = ["http://localhost:2375"]
        """,
    )
    assert lost(config) == []
    assert (config.logging.level, config.influxdb[0].timeout, config.kubernetes[0].resource) == ("INFO", 0.0, "pod")
