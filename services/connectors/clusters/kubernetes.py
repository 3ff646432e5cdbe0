"""Kubernetes, by its own client library."""

from __future__ import annotations

import itertools
from typing import Any

import kubernetes

from schemas.config import Kubernetes
from services.connectors.clusters.scaler import TIMEOUT, ScaledResource, ScaleError

# Kind -> the API that has it, and the word for it in the names of that API's methods.
_KINDS = {
    "deployments": ("AppsV1Api", "deployment"),
    "replicasets": ("AppsV1Api", "replica_set"),
    "replicationcontrollers": ("CoreV1Api", "replication_controller"),
    "replicationcontroller": ("CoreV1Api", "replication_controller"),
}
KINDS = frozenset(_KINDS)


class KubernetesScaler:
    """Reads and patches the scale of a resource."""

    def __init__(self, settings: Kubernetes) -> None:
        servers = settings.api_servers or ("",)
        self._clients = itertools.cycle([_client(settings, server) for server in servers])

    def replicas(self, resource: ScaledResource) -> int:
        """See Scaler."""
        scale = self._call("read_namespaced_{}_scale", resource)
        return int(scale.spec.replicas or 0)

    def scale(self, resource: ScaledResource, replicas: int) -> None:
        """See Scaler."""
        patch = [{"op": "replace", "path": "/spec/replicas", "value": replicas}]
        self._call("patch_namespaced_{}_scale", resource, patch)

    def reach(self) -> None:
        """See Scaler."""
        try:
            kubernetes.client.CoreApi(next(self._clients)).get_api_versions(_request_timeout=TIMEOUT)
        except kubernetes.client.ApiException as error:
            raise _refused(error) from error

    def _call(self, method: str, resource: ScaledResource, *body: Any) -> Any:
        api, word = _KINDS[resource.kind]
        client = getattr(kubernetes.client, api)(next(self._clients))
        call = getattr(client, method.format(word))
        try:
            return call(resource.key, resource.namespace, *body, _request_timeout=TIMEOUT)
        except kubernetes.client.ApiException as error:
            raise _refused(error) from error


def _refused(error: Any) -> ScaleError:
    return ScaleError(f"{error.status} {error.reason}")


def _client(settings: Kubernetes, server: str) -> Any:
    configuration = kubernetes.client.Configuration()
    if settings.in_cluster:
        kubernetes.config.load_incluster_config(client_configuration=configuration)
    else:
        configuration.host = server.rstrip("/")
        configuration.ssl_ca_cert = settings.ca_path or None
        if settings.token:
            configuration.api_key = {"authorization": f"Bearer {settings.token}"}
    configuration.retries = False
    return kubernetes.client.ApiClient(configuration)
