"""What tasks have around them in a process that runs them: who serves, as they are told it, and what they may use."""

from __future__ import annotations

from schemas.config import Config
from services.bus.connection import Bus
from services.bus.identity import cluster_id, server_id
from services.connectors.configured import Configured
from services.runtime.environment import TaskEnvironment
from services.runtime.limits import TaskLimits
from services.store.live_config import LiveConfig


async def task_environment(config: Config, name: str, bus: Bus, effective: LiveConfig) -> TaskEnvironment:
    """The environment of the tasks in one process, as far as all of them have the same. Raises BusError.

    name: the process's, from which and the cluster's id, kept for ever, follows the server's id. effective: the
    configuration as it counts at any time.
    """
    cluster = await cluster_id(bus, config.nats.replicas)
    named, engine = Configured(effective), config.engine
    return TaskEnvironment(
        config.hostname,
        cluster,
        server_id(cluster, name),
        influxdb=named.influxdb,
        clusters=named.clusters,
        group_idle_age=round(engine.group_idle_age * 1e9),
        limits=TaskLimits(engine.task_memory, engine.max_groups, engine.max_groups_in_all),
        guard=effective.guard,
    )
