"""Variables: every setting has one, and those of others are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.config import Config, load_config
from services.cli.handler_settings import handler_sections


def load(environment: dict[str, str], tmp_path: Path | None = None, text: str = "") -> Config:
    file = None
    if tmp_path is not None:
        file = tmp_path / "x.conf"
        file.write_text(text)
    return load_config(file, environment=environment, extra=handler_sections())


def test_entries_of_tables_and_elements_of_lists_within_them(tmp_path: Path) -> None:
    environment = {
        "KAPACITOR_HTTPPOST_0_HEADERS_Authorization": "my-key",
        "KAPACITOR_INFLUXDB_0_SUBSCRIPTIONS_telegraf_0": "autogen",
        "KAPACITOR_INFLUXDB_0_SUBSCRIPTIONS_telegraf_1": "long",
        "KAPACITOR_INFLUXDB_0_SUBSCRIPTIONS_my_db_0": "two",
        "KAPACITOR_INFLUXDB_0_EXCLUDED_SUBSCRIPTIONS_x": '["a", "b"]',
        "KAPACITOR_SMTP_TO_0": "a@example.org",
        "KAPACITOR_SMTP_TO_1": "b@example.org",
    }
    config = load(environment, tmp_path, "[[influxdb]]\n[influxdb.subscriptions]\nmy-db = ['one']")
    assert config.sections["httppost"][0].headers == {"Authorization": "my-key"}
    assert config.influxdb[0].subscriptions == {"telegraf": ("autogen", "long"), "my-db": ("two",)}
    assert config.influxdb[0].excluded_subscriptions == {"_kapacitor": ("autogen",), "x": ("a", "b")}
    assert config.sections["smtp"].to == ("a@example.org", "b@example.org")


def test_functions_of_the_users(tmp_path: Path) -> None:
    environment = {
        "KAPACITOR_UDF_FUNCTIONS_mean_TIMEOUT": "5s",
        "KAPACITOR_UDF_FUNCTIONS_mean_ENV_DEBUG": "1",
        "KAPACITOR_UDF_FUNCTIONS_moving_avg_PROG": "/opt/avg",
        "KAPACITOR_UDF_FUNCTIONS_moving_avg_ARGS_0": "-u",
    }
    functions = load(environment, tmp_path, "[udf.functions.mean]\nprog = '/opt/mean'").udf.functions
    assert (functions["mean"].prog, functions["mean"].timeout, functions["mean"].env) == (
        "/opt/mean",
        5.0,
        {"DEBUG": "1"},
    )
    assert (functions["moving_avg"].prog, functions["moving_avg"].args) == ("/opt/avg", ("-u",))


def test_a_number_one_past_the_end_adds_an_element_and_ten_comes_after_nine() -> None:
    environment = {f"KAPACITOR_INFLUXDB_{number}_NAME": f"n{number}" for number in range(11)}
    environment |= {"KAPACITOR_INFLUXDB_0_DEFAULT": "true", "KAPACITOR_INFLUXDB_10_URLS_0": "http://ten:8086"}
    clusters = load(environment).influxdb
    assert [cluster.name for cluster in clusters] == [f"n{number}" for number in range(11)]
    assert clusters[10].urls == ("http://ten:8086",)


def test_what_is_accepted_and_not_used_has_variables_too(tmp_path: Path) -> None:
    environment = {
        "KAPACITOR_STATS_ENABLED": "false",
        "KAPACITOR_REPORTING_ENABLED": "false",
        "KAPACITOR_TASK_DIR": "/x",
        "KAPACITOR_TRITON_0_ENABLED": "true",
        "KAPACITOR_TRITON_0_ENDPOINT": "t.example.org",
        "KAPACITOR_NERVE_0_SERVERS_0": "x",
    }
    warnings = load(environment, tmp_path, "[stats]\nenabled = true").warnings
    assert [warning.partition(":")[0] for warning in warnings] == ["[[triton]]"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KAPACITOR_PORT", "tcp://10.0.0.1:9092"),
        ("KAPACITOR_SERVICE_HOST", "10.0.0.1"),
        ("KAPACITOR_SERVICE_PORT", "9092"),
        ("KAPACITOR_SERVICE_PORT_API", "9092"),
        ("KAPACITOR_PORT_9092_TCP", "tcp://10.0.0.1:9092"),
        ("KAPACITOR_PORT_9092_TCP_ADDR", "10.0.0.1"),
        # of services that are called kapacitor-http, kapacitor-smtp, kapacitor-nats
        ("KAPACITOR_HTTP_PORT", "tcp://10.0.0.1:9092"),
        ("KAPACITOR_HTTP_SERVICE_HOST", "10.0.0.1"),
        ("KAPACITOR_SMTP_PORT", "tcp://10.0.0.1:25"),
        ("KAPACITOR_SMTP_PORT_25_TCP_PROTO", "tcp"),
        ("KAPACITOR_NATS_PORT", "udp://10.0.0.1:4222"),
        # of its client, of images, of nobody
        ("KAPACITOR_URL", "http://kapacitor:9092"),
        ("KAPACITOR_UNSAFE_SSL", "true"),
        ("KAPACITOR_CONFIG_PATH", "/etc/kapacitor.conf"),
        ("KAPACITOR_VERSION", "1.5.7"),
        ("KAPACITOR_OPTS", "-x"),
        ("KAPACITOR_QUUX_0_WALDO", "x"),
    ],
)
def test_variables_of_others_are_left_alone(name: str, value: str) -> None:
    config = load({name: value})
    assert config == load({})
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("KAPACITOR_HTTP_BIND_ADRESS", "sets nothing (did you mean KAPACITOR_HTTP_BIND_ADDRESS?)"),
        ("KAPACITOR_HOSTNAM", "sets nothing (did you mean KAPACITOR_HOSTNAME?)"),
        ("KAPACITOR_INFLUXDB_URLS_0", "sets nothing (did you mean KAPACITOR_INFLUXDB_0_URLS?)"),
        ("KAPACITOR_SLACK_URL", "sets nothing (did you mean KAPACITOR_SLACK_0_URL?)"),
        ("KAPACITOR_SLACK_0_URLL", "sets nothing (did you mean KAPACITOR_SLACK_0_URL?)"),
        ("KAPACITOR_SLACK_2_URL", "sets nothing: [[slack]] has only 0 elements"),
        ("KAPACITOR_SMTP_TO_2", "sets nothing (did you mean KAPACITOR_SMTP_TO?)"),
    ],
)
def test_a_variable_that_nearly_names_a_setting_is_said(name: str, warning: str) -> None:
    assert load({name: "x"}).warnings == (f"{name} {warning}",)
