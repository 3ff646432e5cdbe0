"""ec2Autoscale: have an auto scaling group hold as many machines as the data asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.connectors.clusters.scaler import ScaledResource, Scaler
from services.nodes.autoscale.node import AutoscaleNode, AutoscaleProperties, cluster_of, without_library
from services.pipeline.spec import Edge, NodeSpec, Type, prop


@dataclass
class Ec2AutoscaleProperties(AutoscaleProperties):
    """Exactly one of `groupName` and `groupNameTag`."""

    group_name: str = prop(Type.STRING, default="", doc="The auto scaling group's name.")
    group_name_tag: str = prop(Type.STRING, default="", doc="A tag of the points that names it instead.")
    output_group_name_tag: str = prop(
        Type.STRING, default="", doc="The tag of emitted points for its name; `groupNameTag` unless set."
    )

    def check(self) -> None:
        self.exactly_one(self.group_name, self.group_name_tag, "GroupName or GroupNameTag")
        super().check()


class Ec2AutoscaleNode(AutoscaleNode):
    """Sets the desired capacity of an auto scaling group of AWS to what `replicas` gives for each point.

    Each change is emitted as a point with the int fields `old` and `new`, the tags that the point was grouped by, and
    a tag for the group. Needs the extra `autoscale`, and the region as [[ec2]].
    """

    spec = NodeSpec(
        name="ec2Autoscale",
        type_name="Ec2AutoscaleNode",
        properties=Ec2AutoscaleProperties,
        wants=(Edge.STREAM, Edge.BATCH),
        provides=Edge.STREAM,
        prefix="ec2_autoscale",
        doc=__doc__ or "",
    )

    properties: Ec2AutoscaleProperties

    def scaler(self) -> Scaler:
        args = "EC2Autoscale", "ec2", "ec2 region"
        settings = cluster_of(self.context, "ec2", self.properties.cluster, *args)
        try:
            from services.connectors.clusters.ec2 import Ec2Scaler
        except ImportError as error:
            raise without_library("ec2Autoscale", error) from None
        return Ec2Scaler(settings)

    def resource(self, tags: Mapping[str, str]) -> ScaledResource:
        p = self.properties
        name = p.group_name or tags.get(p.group_name_tag, "")
        if not name:
            raise ValueError("could not determine the name of the resource")
        tag = p.output_group_name_tag or p.group_name_tag
        return ScaledResource(name, "group", "", {tag: name} if tag else {})
