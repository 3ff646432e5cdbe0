"""swarmAutoscale: have a Docker swarm run as many replicas as the data asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.connectors.clusters.scaler import ScaledResource, Scaler
from services.nodes.autoscale.node import AutoscaleNode, AutoscaleProperties, cluster_of, without_library
from services.pipeline.spec import Edge, NodeSpec, Type, prop


@dataclass
class SwarmAutoscaleProperties(AutoscaleProperties):
    """Exactly one of `serviceName` and `serviceNameTag`."""

    service_name: str = prop(Type.STRING, default="", doc="The service's name or id.")
    service_name_tag: str = prop(Type.STRING, default="", doc="A tag of the points that names it instead.")
    output_service_name_tag: str = prop(
        Type.STRING, default="", doc="The tag of emitted points for its name; `serviceNameTag` unless set."
    )

    def check(self) -> None:
        self.exactly_one(self.service_name, self.service_name_tag, "ServiceName or ServiceNameTag")
        super().check()


class SwarmAutoscaleNode(AutoscaleNode):
    """Sets the replicas of a service of a Docker swarm to what `replicas` gives for each point.

    Each change is emitted as a point with the int fields `old` and `new`, the tags that the point was grouped by, and
    a tag for the service. Needs the extra `autoscale`, and the swarm as [[swarm]].
    """

    spec = NodeSpec(
        name="swarmAutoscale",
        type_name="SwarmAutoscaleNode",
        properties=SwarmAutoscaleProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=Edge.STREAM,
        prefix="swarm_autoscale",
        doc=__doc__ or "",
    )

    properties: SwarmAutoscaleProperties

    def scaler(self) -> Scaler:
        args = "swarmAutoscale", "swarm", "swarm cluster"
        settings = cluster_of(self.context, "swarm", self.properties.cluster, *args)
        try:
            from services.connectors.clusters.swarm import SwarmScaler
        except ImportError as error:
            raise without_library("swarmAutoscale", error) from None
        return SwarmScaler(settings)

    def resource(self, tags: Mapping[str, str]) -> ScaledResource:
        p = self.properties
        name = p.service_name or tags.get(p.service_name_tag, "")
        if not name:
            raise ValueError("could not determine the name of the resource")
        tag = p.output_service_name_tag or p.service_name_tag
        return ScaledResource(name, "service", "", {tag: name} if tag else {})
