"""Traces and backtests over the API."""
