"""Metrics for Prometheus: how they are counted and written, for one process and for the whole server."""
