"""What other processes are asked: alerting, engine workers, recorders, each process about itself, NATS's disk."""
