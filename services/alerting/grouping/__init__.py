"""Digests: one event for all alerts of a topic that have the same tags, in the terms of Alertmanager."""
