"""The commands, one a file: each has `command`, a click command, that services/cli/registry.py lists."""
