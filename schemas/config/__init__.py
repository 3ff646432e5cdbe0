"""The configuration: sections, how they are read, how they are printed."""

from schemas.config.clusters import Ec2, Kubernetes, Swarm
from schemas.config.influxdb import InfluxDB
from schemas.config.load import ConfigError, load_config
from schemas.config.sections import Config, Engine, Http, Load, Logging, Nats, Storage, Udf, UdfFunction

__all__ = [
    "Config",
    "ConfigError",
    "Ec2",
    "Engine",
    "Http",
    "InfluxDB",
    "Kubernetes",
    "Load",
    "Logging",
    "Nats",
    "Storage",
    "Swarm",
    "Udf",
    "UdfFunction",
    "load_config",
]
