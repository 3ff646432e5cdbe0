"""The `tickbus` command."""
