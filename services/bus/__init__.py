"""NATS: what is sent, kept and asked over it, and who works on what. No other room knows NATS."""
