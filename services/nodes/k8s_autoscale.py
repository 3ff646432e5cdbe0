"""k8sAutoscale: have Kubernetes run as many replicas as the data asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.connectors.clusters.scaler import ScaledResource, Scaler
from services.nodes.autoscale.node import AutoscaleNode, AutoscaleProperties, cluster_of, without_library
from services.pipeline.spec import Edge, NodeSpec, Type, prop

_KINDS = ("deployments", "replicationcontroller", "replicationcontrollers", "replicasets")


@dataclass
class K8sAutoscaleProperties(AutoscaleProperties):
    """Exactly one of `resourceName` and `resourceNameTag`."""

    namespace: str = prop(Type.STRING, default="", doc="The resource's namespace; `default` unless set.")
    kind: str = prop(Type.STRING, default="deployments", doc="deployments, replicasets or replicationcontrollers.")
    resource_name: str = prop(Type.STRING, default="", doc="The resource's name.")
    resource_name_tag: str = prop(Type.STRING, default="", doc="A tag of the points that names it instead.")
    namespace_tag: str = prop(
        Type.STRING, default="namespace", doc="The tag of emitted points for the namespace; empty: none."
    )
    kind_tag: str = prop(Type.STRING, default="kind", doc="The tag of emitted points for the kind; empty: none.")
    resource_tag: str = prop(
        Type.STRING, default="resource", doc="The tag of emitted points for the resource's name; empty: none."
    )

    def check(self) -> None:
        self.exactly_one(self.resource_name, self.resource_name_tag, "ResourceName or ResourceNameTag")
        if self.kind not in _KINDS:
            kinds = "'deployments', 'replicasets' or 'replicationcontrollers'"
            raise ValueError(f"invalid Kind, must be {kinds}, got {self.kind}")
        super().check()


class K8sAutoscaleNode(AutoscaleNode):
    """Sets the replicas of a resource of a Kubernetes cluster to what `replicas` gives for each point.

    Each change is emitted as a point with the int fields `old` and `new`, the tags that the point was grouped by, and
    tags for namespace, kind and resource. Needs the extra `autoscale`, and the cluster as [[kubernetes]].
    """

    spec = NodeSpec(
        name="k8sAutoscale",
        type_name="K8sAutoscaleNode",
        properties=K8sAutoscaleProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=Edge.STREAM,
        prefix="k8s_autoscale",
        doc=__doc__ or "",
    )

    properties: K8sAutoscaleProperties

    def scaler(self) -> Scaler:
        args = "k8sAutoscale", "kubernetes", "kubernetes cluster"
        settings = cluster_of(self.context, "kubernetes", self.properties.cluster, *args)
        try:
            from services.connectors.clusters.kubernetes import KubernetesScaler
        except ImportError as error:
            raise without_library("k8sAutoscale", error) from None
        return KubernetesScaler(settings)

    def resource(self, tags: Mapping[str, str]) -> ScaledResource:
        p = self.properties
        name = p.resource_name or tags.get(p.resource_name_tag, "")
        if not name:
            raise ValueError("could not determine the name of the resource")
        namespace = p.namespace or "default"
        tags = {p.namespace_tag: namespace, p.kind_tag: p.kind, p.resource_tag: name}
        return ScaledResource(name, p.kind, namespace, {tag: value for tag, value in tags.items() if tag})
