from pathlib import Path
from typing import Any

import pytest
from marshmallow import Schema, fields

from schemas.config import Config, ConfigError, Load, UdfFunction, load_config
from schemas.config.section import schema_of
from services.cli.handler_settings import handler_sections

SAMPLE = """
hostname = "edge"
data_dir = "/var/lib/tickbus"

[http]
  bind-address = ":9999"
  log-enabled = false
  max-body-size = "25m"

[storage]
  boltdb = "/var/lib/kapacitor/kapacitor.db"

[nats]
  write-max-age = "1h30m"
  alert-max-age = "2s"

[engine]
  workers = 3
"""


class Slack(Schema):
    url = fields.String(load_default="", metadata={"doc": "Where to post."})
    enabled = fields.Boolean(load_default=False, metadata={"doc": "Whether it may be used."})


class Mail(Schema):
    to = fields.List(fields.String(), load_default=list, metadata={"doc": "Who gets it."})


EXTRA = {"slack": Slack(many=True), "smtp": Mail()}


def load(tmp_path: Path, text: str, **given: Any) -> Config:
    file = tmp_path / "tickbus.toml"
    file.write_text(text)
    return load_config(file, **given)


def test_file_over_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, SAMPLE)
    assert (config.hostname, config.data_dir) == ("edge", Path("/var/lib/tickbus"))
    assert (config.http.bind_address, config.http.log_enabled, config.http.max_body_size) == (":9999", False, 25 << 20)
    assert (config.nats.write_max_age, config.nats.alert_max_age) == (5400.0, 2.0)
    assert (config.engine.workers, config.engine.shards) == (3, 64)
    assert config.logging == Config().logging


def test_a_text_in_a_file_that_a_variable_names(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret word\n")
    environment = {"KAPACITOR_NATS_PASSWORD_FILE": str(secret), "KAPACITOR_HTTP_SHARED_SECRET_FILE": str(secret)}
    config = load_config(environment=environment)
    assert (config.nats.password, config.http.shared_secret) == ("s3cret word", "s3cret word")


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), (b"\xff", "it is not UTF-8")])
def test_a_file_that_a_variable_names_and_that_cannot_be_read(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load_config(environment={"KAPACITOR_NATS_PASSWORD_FILE": str(secret)})
    assert str(raised.value) == f"config: KAPACITOR_NATS_PASSWORD_FILE: {secret} cannot be read: {reason}"


def test_the_log_file_is_no_text_in_a_file() -> None:
    assert load_config(environment={"KAPACITOR_LOGGING_FILE": "/x/y"}).logging.file == "/x/y"


@pytest.mark.parametrize(
    ("written", "level"), [("info", "INFO"), ("Debug", "DEBUG"), ("warning", "WARN"), ("OFF", "ERROR")]
)
def test_a_level_in_any_case(tmp_path: Path, written: str, level: str) -> None:
    assert load(tmp_path, f"[logging]\nlevel = '{written}'").logging.level == level


def test_environment_over_file_and_command_line_over_both(tmp_path: Path) -> None:
    environment = {
        "KAPACITOR_HOSTNAME": "env",
        "KAPACITOR_HTTP_BIND_ADDRESS": ":1",
        "KAPACITOR_HTTP_LOG_ENABLED": "t",
        "KAPACITOR_NATS_WRITE_MAX_AGE": "2s",
        "KAPACITOR_ENGINE_WORKERS": "5",
    }
    config = load(tmp_path, SAMPLE, environment=environment, overrides={"http": {"bind-address": ":2"}})
    assert (config.hostname, config.http.bind_address, config.http.log_enabled) == ("env", ":2", True)
    assert (config.nats.write_max_age, config.engine.workers) == (2.0, 5)


def test_a_variable_that_is_empty_is_not_set(tmp_path: Path) -> None:
    environment = {"KAPACITOR_HTTP_BIND_ADDRESS": "", "KAPACITOR_ENGINE_WORKERS": "", "KAPACITOR_SLACK_7_URL": ""}
    assert load(tmp_path, SAMPLE, extra=EXTRA, environment=environment) == load(tmp_path, SAMPLE, extra=EXTRA)


def test_variables_name_entries_of_tables(tmp_path: Path) -> None:
    text = "[[httppost]]\nendpoint = 'e'\nheaders = {X-Own = 'a', other = 'b'}"
    environment = {
        "KAPACITOR_HTTPPOST_0_HEADERS_X_OWN": "c",
        "KAPACITOR_HTTPPOST_0_HEADERS_Accept": "d",
        "KAPACITOR_HTTPPOST_0_BASIC_AUTH_USERNAME": "u",
        "KAPACITOR_HTTPPOST_0_BASIC_AUTH_PASSWORD": "p",
    }
    [endpoint] = load(tmp_path, text, extra=handler_sections(), environment=environment).sections["httppost"]
    assert endpoint.headers == {"X-Own": "c", "other": "b", "Accept": "d"}
    assert (endpoint.basic_auth.username, endpoint.basic_auth.password) == ("u", "p")


def test_kubernetes_needs_no_number_where_there_is_one_at_most(tmp_path: Path) -> None:
    environment = {"KAPACITOR_KUBERNETES_NAMESPACE": "x"}
    for text in ("", "[kubernetes]\nid = ''", "[[kubernetes]]\nid = ''"):
        [cluster] = load(tmp_path, text, environment=environment).kubernetes
        assert cluster.namespace == "x"
    two = "[[kubernetes]]\nid = 'a'\n[[kubernetes]]\nid = 'b'"
    config = load(tmp_path, two, environment=environment)
    assert [cluster.namespace for cluster in config.kubernetes] == ["", ""]
    assert config.warnings == (
        "KAPACITOR_KUBERNETES_NAMESPACE sets nothing (did you mean KAPACITOR_KUBERNETES_0_NAMESPACE?)",
    )


_ONE, _OTHER = "[[{0}]]\n{1} = 'a'\n", "[[{0}]]\n{1} = 'b'\n"
_DEFAULT = "default = true\n"


@pytest.mark.parametrize(
    ("section", "key", "text", "mistake"),
    [
        ("slack", "workspace", _ONE + _OTHER, "at least one Slack config must be set as default"),
        ("discord", "workspace", _ONE + _OTHER, "at least one Discord config must be set as default"),
        ("slack", "workspace", _ONE + _DEFAULT + "[[{0}]]\n", "id must not be empty"),
        ("slack", "workspace", _ONE + _DEFAULT + _ONE, 'duplicate elements: "a"'),
        (
            "slack",
            "workspace",
            _ONE + _DEFAULT + _OTHER + "global = true",
            "only the default config may be assigned as",
        ),
        ("slack", "workspace", _ONE + "state-changes-only = true", "stateChangesOnly may only be assigned when the"),
        ("mqtt", "name", _ONE + _OTHER, "no configuration is marked as the default"),
        ("mqtt", "name", _ONE + _DEFAULT + _OTHER + _DEFAULT, "more than one configuration is marked as the default"),
        ("kafka", "id", _ONE + _ONE, 'duplicate elements: "a"'),
        ("httppost", "endpoint", _ONE + _ONE, 'duplicate elements: "a"'),
        ("kubernetes", "id", _ONE + "[[{0}]]\n", "id must not be empty"),
        ("swarm", "id", _ONE + _ONE, 'duplicate elements: "a"'),
        ("ec2", "id", _ONE + _ONE, 'duplicate elements: "a"'),
    ],
)
def test_elements_that_do_not_agree_are_refused(
    tmp_path: Path, section: str, key: str, text: str, mistake: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text.format(section, key), extra=handler_sections())
    assert str(caught.value).startswith(f"config: [[{section}]]: {mistake}")


def test_one_workspace_alone_is_the_default_one(tmp_path: Path) -> None:
    for section in ("slack", "discord"):
        text = f"[[{section}]]\nworkspace = 'a'\nglobal = true"
        [element] = load(tmp_path, text, extra=handler_sections()).sections[section]
        assert element.default


def test_sections_of_handlers(tmp_path: Path) -> None:
    text = '[[slack]]\nurl = "a"\n[[slack]]\nurl = "b"\n[smtp]\nto = ["x"]\n'
    environment = {"KAPACITOR_SLACK_1_URL": "B", "KAPACITOR_SLACK_2_ENABLED": "true", "KAPACITOR_SMTP_TO": '["y"]'}
    sections = load(tmp_path, text, extra=EXTRA, environment=environment).sections
    assert sections["slack"] == (
        {"url": "a", "enabled": False},
        {"url": "B", "enabled": False},
        {"url": "", "enabled": True},
    )
    assert sections["smtp"] == {"to": ["y"]}


def test_a_list_section_may_stand_once_and_may_be_left_out(tmp_path: Path) -> None:
    assert load(tmp_path, '[slack]\nurl = "a"', extra=EXTRA).sections["slack"] == ({"url": "a", "enabled": False},)
    assert load(tmp_path, "", extra=EXTRA).sections["slack"] == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[http]\nbind-adress = ':1'", "config: [http] bind-adress: unknown option (did you mean bind-address?)"),
        ("hostnam = 'x'", "config: hostnam: unknown option (did you mean hostname?)"),
        ("[grafite]\na = 1", "config: [grafite]: unknown section (did you mean graphite?)"),
        ("[[quux]]\na = 1", "config: [quux]: unknown section"),
        ("[[graphite]]\nenable = true", "config: [[graphite]] 0: enable: unknown option (did you mean enabled?)"),
        ("stats = 1", "config: [stats]: must be a section"),
        ("[http]\nbind-address = 9092", "config: [http] bind-address: must be a string"),
        ("[http]\nbind-address = 'x'", 'config: [http] bind-address: must be "HOST:PORT"'),
        ("[http]\nlog-enabled = 'true'", "config: [http] log-enabled: must be true or false"),
        ("[auth]\nbcrypt-cost = 3", "config: [auth] bcrypt-cost: must be 4 to 31"),
        ("[tls]\nmin-version = 'tls2'", "config: [tls] min-version: must be tls1.2 or tls1.3"),
        ("[tls]\nmin-version = 'tls1.3'\nmax-version = 'tls1.2'", "config: [tls]: min-version is newer than"),
        ("[engine]\nworkers = 1.5", "config: [engine] workers: must be an integer"),
        ("[engine]\nheartbeat = '1 s'", "config: [engine] heartbeat: invalid duration '1 s'"),
        ("[engine]\nstep-limit = 3", 'config: [engine] step-limit: needs a unit, as in "3s" or "3ms"'),
        ("[engine]\nshards = 0", "config: [engine] shards: must be 1 to 4096"),
        ("[http]\nprocesses = 0", "config: [http] processes: must be 1 to 64"),
        ("[nats]\nmax-payload = 'big'", "config: [nats] max-payload: must be a number of bytes"),
        ("[logging]\nlevel = 'LOUD'", "config: [logging] level: must be one of DEBUG, INFO, WARN, ERROR"),
        ("[load]\nenabled = true\ndir = './load'", "config: [load] dir: must be an absolute path"),
        ("http = 3", "config: [http]: must be a section"),
        ("slack = [1]", "config: [[slack]]: must be a list of sections"),
        ("[[slack]]\n[[slack]]\nurll = ''", "config: [[slack]] 1: urll: unknown option (did you mean url?)"),
        ("[smtp]\nto = [1]", "config: [smtp] to[0]: Not a valid string"),
        ("[http", "config: "),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, extra=EXTRA)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("KAPACITOR_HTTP_LOG_ENABLED", "maybe", "config: KAPACITOR_HTTP_LOG_ENABLED: must be true or false"),
        ("KAPACITOR_ENGINE_STEP_LIMIT", "3", 'config: KAPACITOR_ENGINE_STEP_LIMIT: needs a unit, as in "3s" or "3ms"'),
    ],
)
def test_a_mistaken_variable_is_named(variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(environment={variable: value}, extra=EXTRA)
    assert str(caught.value).startswith(message)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "[http]\na = 1\nlog-enabled = 1\n[engine]\nworkers = 'x'")
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config: .*nowhere: No such file"):
        load_config(tmp_path / "nowhere")


def test_defaults_of_the_dataclasses_are_what_an_empty_file_gives() -> None:
    assert load_config() == Config()
    assert set(schema_of(Config)().fields) == {
        "hostname",
        "data_dir",
        "default_retention_policy",
        "skip_config_overrides",
    }


def test_the_load_directory(tmp_path: Path) -> None:
    assert load(tmp_path, "[load]\nenabled = true").load == Load(enabled=True, dir="/etc/kapacitor/load")
    # as it stands in Kapacitor's defaults, where it is not enabled
    assert load(tmp_path, "[load]\ndir = './load'").load == Load(enabled=False, dir="./load")


def test_functions_of_the_users(tmp_path: Path) -> None:
    path = tmp_path / "tickbus.conf"
    path.write_text(
        """
        [udf.functions.mean]
          prog = "/opt/mean"
          args = ["-n", "3"]
          timeout = "5s"
          [udf.functions.mean.env]
            A = "b"
        [udf.functions.far]
          socket = "/run/far.sock"
        """
    )
    functions = load_config(path).udf.functions
    assert functions["mean"] == UdfFunction(prog="/opt/mean", args=("-n", "3"), env={"A": "b"}, timeout=5.0)
    assert functions["far"] == UdfFunction(socket="/run/far.sock", timeout=10.0)


def test_what_no_function_can_be_run_by_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tickbus.conf"
    path.write_text(
        """
        [udf.functions]
          a = {prog = "x", timeout = "1ms"}
          b = {prog = "x", socket = "y"}
          c = {}
          d = {prog = 3, args = "x", porg = "x"}
        """
    )
    with pytest.raises(ConfigError) as raised:
        load_config(path)
    assert str(raised.value).splitlines() == [
        "config: [udf] functions.a: timeout is too small: 1ms",
        "config: [udf] functions.b: both socket and process config provided",
        "config: [udf] functions.c: must set either prog or socket",
        "config: [udf] functions.d.prog: must be a string",
        "config: [udf] functions.d.args: must be a list of strings",
        "config: [udf] functions.d.porg: Unknown field",
    ]


def test_what_kubernetes_tells_of_a_service_called_kapacitor_is_no_setting() -> None:
    told = {"KAPACITOR_SERVICE_HOST": "10.0.0.1", "KAPACITOR_SERVICE_PORT": "80", "KAPACITOR_SERVICE_PORT_HTTP": "80"}
    config = load_config(environment={**told, "KAPACITOR_SERVICE_HEALTH_ADDRESS": ":9192"})
    assert config.service.health_address == ":9192"
