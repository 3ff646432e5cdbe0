"""A test run: the task under way by simulated time, and all that comes of it."""
