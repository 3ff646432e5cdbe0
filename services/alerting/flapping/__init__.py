"""Alerts that change their level all the time: which do, and what is told of that."""
