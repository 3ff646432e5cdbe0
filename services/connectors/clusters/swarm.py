"""Docker swarm, by Docker's client library."""

from __future__ import annotations

import itertools
from typing import Any

import docker

from grammar.golang.quoting import quote
from schemas.config import Swarm
from services.connectors.clusters.scaler import TIMEOUT, ScaledResource, ScaleError


class SwarmScaler:
    """Reads a service and updates it. Its managers are found out about when first needed."""

    def __init__(self, settings: Swarm) -> None:
        self._settings = settings
        self._servers = itertools.cycle(settings.servers)
        self._clients: dict[str, Any] = {}

    def replicas(self, resource: ScaledResource) -> int:
        """See Scaler."""
        _, service = self._service(resource)
        return _replicas(service)

    def scale(self, resource: ScaledResource, replicas: int) -> None:
        """See Scaler. Nothing of the service but the number of its replicas is changed."""
        client, service = self._service(resource)
        _replicas(service)
        mode = {"Replicated": {"Replicas": replicas}}
        client.update_service(service["ID"], service["Version"]["Index"], mode=mode, fetch_current_spec=True)

    def reach(self) -> None:
        """See Scaler."""
        client = self._client(next(self._servers))
        try:
            version = client.info().get("ServerVersion")
        except docker.errors.APIError as error:
            raise ScaleError(str(error.explanation or error)) from error
        if not version:
            raise ScaleError("got empty version from server")

    def _service(self, resource: ScaledResource) -> tuple[Any, Any]:
        client = self._client(next(self._servers))
        try:
            return client, client.inspect_service(resource.key)
        except docker.errors.APIError as error:
            reason = f"failed to get swarm service for {quote(resource.key)}: {error.explanation or error}"
            raise ScaleError(reason) from error

    def _client(self, server: str) -> Any:
        if server not in self._clients:
            self._clients[server] = docker.APIClient(server, version="auto", timeout=TIMEOUT, tls=self._tls(server))
        return self._clients[server]

    def _tls(self, server: str) -> Any:
        s = self._settings
        if not (s.ssl_ca or s.ssl_cert or s.insecure_skip_verify or server.startswith("https:")):
            return False
        return docker.tls.TLSConfig(
            client_cert=(s.ssl_cert, s.ssl_key) if s.ssl_cert else None,
            ca_cert=s.ssl_ca or None,
            verify=not s.insecure_skip_verify,
        )


def _replicas(service: Any) -> int:
    replicated = service["Spec"]["Mode"].get("Replicated")
    if replicated is None:
        raise ScaleError("the service is not replicated")
    return int(replicated.get("Replicas") or 0)
