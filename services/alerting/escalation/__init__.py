"""Escalation: alerts that nobody sees to for long are put into another topic."""
