"""AWS's auto scaling groups, by AWS's client library."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config as BotoConfig

from schemas.config import Ec2
from services.connectors.clusters.scaler import TIMEOUT, ScaledResource, ScaleError


class Ec2Scaler:
    """Reads and sets a group's desired capacity, past the cooldown of the group itself."""

    def __init__(self, settings: Ec2) -> None:
        session = boto3.Session(
            aws_access_key_id=settings.access_key or None,
            aws_secret_access_key=settings.secret_key or None,
            region_name=settings.region or None,
            profile_name=settings.profile or None,
        )
        self._client: Any = session.client(
            "autoscaling",
            endpoint_url=settings.endpoint or None,
            config=BotoConfig(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": 1}),
        )

    def replicas(self, resource: ScaledResource) -> int:
        """See Scaler."""
        answer = self._client.describe_auto_scaling_groups(AutoScalingGroupNames=[resource.key])
        groups = answer["AutoScalingGroups"]
        if not groups:
            raise ScaleError(f'there is no auto scaling group "{resource.key}"')
        return int(groups[-1]["DesiredCapacity"])

    def scale(self, resource: ScaledResource, replicas: int) -> None:
        """See Scaler."""
        self._client.set_desired_capacity(
            AutoScalingGroupName=resource.key, DesiredCapacity=replicas, HonorCooldown=False
        )

    def reach(self) -> None:
        """See Scaler."""
        self._client.describe_auto_scaling_groups(MaxRecords=1)
