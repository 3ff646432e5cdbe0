"""Commands about scripts, without a server."""
