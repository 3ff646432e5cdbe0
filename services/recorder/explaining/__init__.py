"""Answers to why an alert was raised, and why none was: found in the logs, told by a dry run."""
