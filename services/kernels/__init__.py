"""Loops over rows, compiled."""
