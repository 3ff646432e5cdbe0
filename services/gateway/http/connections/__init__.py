"""Connections, TLS, and what bodies may take of time and memory."""
