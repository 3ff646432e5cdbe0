"""POST /write: line protocol from HTTP to the bus."""
