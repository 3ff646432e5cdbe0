"""Read models: projections of EVENTS that commands are decided on and queries are answered from."""
