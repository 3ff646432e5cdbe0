"""Looks at the past, each a file."""
