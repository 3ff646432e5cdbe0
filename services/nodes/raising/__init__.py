"""What alert nodes raise events by: levels, decisions, what templates see, and what is told of a task's alerts."""
