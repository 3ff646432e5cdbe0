"""The kustomize base is what Kubernetes takes, by its schemas: there is no cluster here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from schemas.config import Config, load_config
from tests.support.command_line import parameters_of

BASE = Path(__file__).resolve().parents[3] / "compose" / "kubernetes"
FILES = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
RESOURCES: list[dict[str, Any]] = [one for file in FILES for one in yaml.safe_load_all((BASE / file).read_text())]
SETS = [one for one in RESOURCES if one["kind"] in ("Deployment", "StatefulSet")]


def named(one: dict[str, Any]) -> str:
    return f"{one['kind']} {one['metadata']['name']}"


@pytest.mark.parametrize("resource", RESOURCES, ids=named)
def test_kubernetes_knows_all_that_a_resource_says(resource: dict[str, Any]) -> None:
    kubernetes_validate.validate(resource, "1.31", strict=True)


def test_every_file_is_part_of_it() -> None:
    assert {*FILES, "kustomization.yaml"} == {path.name for path in BASE.glob("*.yaml")}
    assert [named(one) for one in SETS] == [
        "Deployment gateway",
        "StatefulSet engine",
        "StatefulSet alerting",
        "Deployment recorder",
    ]


@pytest.mark.parametrize("resource", SETS, ids=named)
def test_a_service_is_started_as_nobody_on_a_read_only_root_and_watched(resource: dict[str, Any]) -> None:
    pod = resource["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    parameters_of(container["args"])
    assert all(load_config(environment={one["name"]: "x"}) != Config() for one in container["env"])
    config = load_config(BASE / "tickbus.conf")
    assert config.service.health_address == ":9192" and config.http.bind_address == ":9092"
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 65534
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert {one["mountPath"] for one in container["volumeMounts"]} == {"/etc/tickbus", "/var/lib/tickbus"}
    declared = {one["name"] for one in [*pod["volumes"], *(v["metadata"] for v in claims(resource))]}
    assert {one["name"] for one in container["volumeMounts"]} == declared
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startupProbe": "/healthz",
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert {ports[probe["port"]] for probe in probes.values()} == {9192}


def claims(resource: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = resource["spec"].get("volumeClaimTemplates", [])
    return found


def test_services_and_budgets_mean_pods_that_there_are() -> None:
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in SETS]
    for one in RESOURCES:
        if one["kind"] == "Service":
            assert one["spec"]["selector"] in pods
        elif one["kind"] == "PodDisruptionBudget":
            assert one["spec"]["selector"]["matchLabels"] in pods


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl here")
def test_kustomize_builds_it() -> None:
    built = subprocess.run(["kubectl", "kustomize", str(BASE)], capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    made = list(yaml.safe_load_all(built.stdout))
    (config,) = (one for one in made if one["kind"] == "ConfigMap")
    used = {v["configMap"]["name"] for s in made if s["kind"] in ("Deployment", "StatefulSet")
            for v in s["spec"]["template"]["spec"]["volumes"] if "configMap" in v}  # fmt: skip
    assert used == {config["metadata"]["name"]} and len(made) == len(RESOURCES) + 1
