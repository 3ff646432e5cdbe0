"""The paths that everything of the API stands under, and the version that it names."""

from __future__ import annotations

VERSION = "1.5.7"
"""The version of Kapacitor's API that is spoken; clients choose their behaviour by it."""

BASE = "/kapacitor/v1"
PREVIEW = "/kapacitor/v1preview"

V2_WRITE = "/api/v2/write"
"""Where InfluxDB 2.x takes writes."""
V3_WRITE = "/api/v3/write_lp"
"""Where InfluxDB 3 does."""

SLASH = "\U0010ffff"
"""What stands in a path, while it is routed, for a slash that was written %2F and so divides nothing."""


def with_slashes(text: str) -> str:
    """A name of a path as it was meant."""
    return text.replace(SLASH, "/")


def one_segment(name: str) -> str:
    """A name as one step of a path in links: its slashes would divide it."""
    return name.replace("/", "%2F")
