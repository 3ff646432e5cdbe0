"""The resources of the HTTP API, as they go in and come out; the bus's commands carry the same."""
