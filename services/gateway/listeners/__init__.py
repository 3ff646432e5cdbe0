"""Inputs beside HTTP: listeners of the gateway that make line protocol of what they are sent."""
