"""What can be done: each command is decided on a read model and stored as an event; HTTP and the bus both come here."""
