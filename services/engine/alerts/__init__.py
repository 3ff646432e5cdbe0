"""What the alert node is made of: levels, decisions, what templates see, and events on the bus."""
