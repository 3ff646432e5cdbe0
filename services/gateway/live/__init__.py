"""What viewers of the whole server are told as it happens: each thing is looked at once, however many look on."""
