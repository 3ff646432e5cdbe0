"""What services ask each other over the bus, and answer: each request once, for both ends (see request.Request)."""
