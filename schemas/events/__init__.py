"""What gateway, workers and alerting tell each other over the bus."""
