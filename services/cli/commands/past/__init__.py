"""Commands that ask the log of what was."""
