"""`tickbus serve`: NATS and every service on one machine, started, kept running and stopped."""
