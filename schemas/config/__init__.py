"""The configuration: sections, how they are read, how they are printed."""

from schemas.config.clusters import Ec2, Kubernetes, Swarm
from schemas.config.errors import ConfigError
from schemas.config.http import Auth, Http, Tls
from schemas.config.influxdb import InfluxDB
from schemas.config.load import load_config
from schemas.config.nats import Nats
from schemas.config.security import Security
from schemas.config.settings import (
    Alert,
    Config,
    ConfigOverride,
    Deadman,
    Engine,
    Load,
    Logging,
    Replay,
    Service,
    Storage,
    Udf,
    UdfFunction,
)

__all__ = [
    "Alert",
    "Auth",
    "Config",
    "ConfigError",
    "ConfigOverride",
    "Deadman",
    "Ec2",
    "Engine",
    "Http",
    "InfluxDB",
    "Kubernetes",
    "Load",
    "Logging",
    "Nats",
    "Replay",
    "Security",
    "Service",
    "Storage",
    "Swarm",
    "Tls",
    "Udf",
    "UdfFunction",
    "load_config",
]
