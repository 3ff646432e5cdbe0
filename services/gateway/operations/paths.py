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
