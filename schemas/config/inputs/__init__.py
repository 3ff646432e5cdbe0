"""Inputs beside HTTP: what the gateway listens on for points, and what it scrapes."""

from schemas.config.inputs.graphite import Graphite
from schemas.config.inputs.listening import Collectd, OpenTsdb, Udp
from schemas.config.inputs.scraping import FileDiscovery, Scraper, StaticDiscovery

__all__ = [
    "Collectd",
    "FileDiscovery",
    "Graphite",
    "OpenTsdb",
    "Scraper",
    "StaticDiscovery",
    "Udp",
]
