"""[[kubernetes]], [[swarm]], [[ec2]]: where the autoscale nodes scale."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from marshmallow import ValidationError
from marshmallow.validate import OneOf

from schemas.config.among import Rules
from schemas.config.fields import Duration, Flag, Text, Texts, Whole
from schemas.config.section import setting

_ENABLED = "Whether tasks may use it."
_DISCOVERY = "Of no effect: it belongs to finding targets to scrape, for which tickbus does not use it."


def _kubernetes_mistakes(clusters: "Sequence[Kubernetes]") -> Iterator[str]:
    if len(clusters) > 1 and not all(cluster.id for cluster in clusters):
        yield "id must not be empty"


@dataclass(frozen=True, kw_only=True)
class Kubernetes:
    """[[kubernetes]]: one cluster."""

    RULES: ClassVar[Rules] = Rules(_kubernetes_mistakes)

    enabled: bool = setting(False, Flag, _ENABLED)
    id: str = setting("", Text, "The name that scripts call it by: k8sAutoscale().cluster(NAME).")
    in_cluster: bool = setting(False, Flag, "Whether the engine runs in that cluster and uses its service account.")
    api_servers: tuple[str, ...] = setting((), Texts, "The URLs of its API servers; used one after the other.")
    token: str = setting("", Text, "A bearer token.", secret=True)
    ca_path: str = setting("", Text, "A file of certificates to trust, PEM; empty: those that the system trusts.")
    namespace: str = setting("", Text, "Of no effect: a node names its namespace, or means `default`.")
    resource: str = setting(
        "",
        Text,
        _DISCOVERY,
        check=OneOf(
            ["", "node", "pod", "service", "endpoint"], error="Resource must be one of node, pod, service, or endpoints"
        ),
    )

    def __post_init__(self) -> None:
        if not self.enabled:
            return
        if not self.in_cluster and not self.api_servers:
            raise ValidationError("no api-servers specified, must provide at least one server URL")
        for key in ("api_servers", "token", "ca_path", "namespace") if self.in_cluster else ():
            if getattr(self, key):
                raise ValidationError(f"in-cluster specified, cannot also specify {key.replace('_', '-')}")


@dataclass(frozen=True, kw_only=True)
class Swarm:
    """[[swarm]]: one Docker swarm."""

    enabled: bool = setting(False, Flag, _ENABLED)
    id: str = setting("", Text, "The name that scripts call it by: swarmAutoscale().cluster(NAME).")
    servers: tuple[str, ...] = setting((), Texts, "The URLs of its managers' Docker APIs; used one after the other.")
    ssl_ca: str = setting("", Text, "A file of certificates to trust, PEM.")
    ssl_cert: str = setting("", Text, "The client's certificate file, PEM.")
    ssl_key: str = setting("", Text, "The client's key file, PEM.")
    insecure_skip_verify: bool = setting(False, Flag, "Take any certificate. Insecure.")

    def __post_init__(self) -> None:
        if self.enabled and not self.servers:
            raise ValidationError("no api-servers specified, must provide at least one server URL")


@dataclass(frozen=True, kw_only=True)
class Ec2:
    """[[ec2]]: one region of AWS."""

    enabled: bool = setting(False, Flag, _ENABLED)
    id: str = setting("", Text, "The name that scripts call it by: ec2Autoscale().cluster(NAME).")
    region: str = setting("", Text, "The region.")
    access_key: str = setting("", Text, "The access key; empty: as boto3 finds one.")
    secret_key: str = setting("", Text, "Its secret.", secret=True)
    profile: str = setting("", Text, "A profile of the AWS configuration, where no access key is given.")
    endpoint: str = setting("", Text, "The URL of another API that speaks AWS's Auto Scaling; empty: AWS's own.")
    refresh_interval: float = setting(60.0, Duration, _DISCOVERY)
    port: int = setting(80, Whole, _DISCOVERY)
