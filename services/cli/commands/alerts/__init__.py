"""Commands about topics and their handlers."""
