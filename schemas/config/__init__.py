"""The configuration: sections, how they are read, how they are printed."""

from schemas.config.clusters import Ec2, Kubernetes, Swarm
from schemas.config.influxdb import InfluxDB
from schemas.config.load import ConfigError, load_config
from schemas.config.sections import (
    Alert,
    Auth,
    Config,
    ConfigOverride,
    Engine,
    Http,
    Load,
    Logging,
    Nats,
    Replay,
    Storage,
    Tls,
    Udf,
    UdfFunction,
)

__all__ = [
    "Alert",
    "Auth",
    "Config",
    "ConfigError",
    "ConfigOverride",
    "Ec2",
    "Engine",
    "Http",
    "InfluxDB",
    "Kubernetes",
    "Load",
    "Logging",
    "Nats",
    "Replay",
    "Storage",
    "Swarm",
    "Tls",
    "Udf",
    "UdfFunction",
    "load_config",
]
