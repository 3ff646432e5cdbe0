"""What tickbus keeps on a NATS and what it needs to be allowed there, so that it shares one with others."""
