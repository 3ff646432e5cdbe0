"""Silences: which alerts are not sent, and what is told at their end."""
