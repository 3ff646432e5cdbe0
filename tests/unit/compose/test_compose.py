"""The files in compose/ hold together. There is no Docker engine here; NATS reads its own configuration itself."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.config import Config, load_config
from services.launcher.nats_server import nats_binary
from tests.support.command_line import parameters_of

COMPOSE = Path(__file__).resolve().parents[3] / "compose"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
    return loaded


def test_every_service_it_depends_on_and_every_file_and_volume_it_mounts_is_there(project: dict[str, Any]) -> None:
    for service in project["services"].values():
        assert set(service.get("depends_on", [])) <= set(project["services"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (COMPOSE / source).is_file() if source.startswith(".") else source in project["volumes"]


def test_every_tickbus_service_has_a_command_and_an_environment_that_tickbus_takes(project: dict[str, Any]) -> None:
    ours = {name: service for name, service in project["services"].items() if service["image"] == "tickbus"}
    assert set(ours) == {"gateway-1", "gateway-2", "engine", "alerting", "recorder"}
    for service in ours.values():
        assert (COMPOSE / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        parameters_of(service["command"])
        assert all(load_config(environment={name: text}) != Config() for name, text in service["environment"].items())
        config = load_config(environment=service["environment"])
        assert config.nats.replicas == 3
        assert {url.split("/")[2] for url in config.nats.url.split(",")} == {f"nats-{n}:4222" for n in (1, 2, 3)}


def test_the_image_has_a_command_and_an_environment_that_tickbus_takes() -> None:
    lines = (COMPOSE / "Dockerfile").read_text()
    environment = dict(re.findall(r"\b(KAPACITOR_\w+)=(\S+)", lines))
    assert set(environment) == {"KAPACITOR_DATA_DIR", "KAPACITOR_SERVICE_HEALTH_ADDRESS"}
    assert all(load_config(environment={name: text}) != Config() for name, text in environment.items())
    health = load_config(environment=environment).service.health_address
    assert f"http://127.0.0.1{health}/readyz" in lines

    (command,) = re.findall(r"^CMD (.+)$", lines, re.MULTILINE)
    http = parameters_of(json.loads(command))["http"]
    assert f"EXPOSE {http.removeprefix(':')}\n" in lines


def test_nats_takes_its_configuration(project: dict[str, Any]) -> None:
    for name in ("nats-1", "nats-2", "nats-3"):
        # What `docker compose` makes of ${NATS_PASSWORD:-tickbus} where that is not set.
        environment = project["services"][name]["environment"] | {"NATS_PASSWORD": "tickbus"}
        assert environment["NATS_NAME"] == name
        command = [str(nats_binary()), "-t", "-c", str(COMPOSE / "nats.conf")]
        subprocess.run(command, env={**os.environ, **environment}, check=True, capture_output=True, timeout=20)


def test_telegraf_writes_to_the_gateways(project: dict[str, Any]) -> None:
    outputs = tomllib.loads((COMPOSE / "telegraf.conf").read_text())["outputs"]["influxdb"]
    hosts = {url.split("/")[2].split(":")[0] for output in outputs for url in output["urls"]}
    assert hosts == {"gateway-1", "gateway-2", "influxdb"}
    assert hosts <= set(project["services"])
