"""Clients of things outside that nodes talk to: InfluxDB, HTTP, sideload sources, clusters."""
