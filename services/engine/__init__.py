"""The worker process: which tasks run here, what they are fed, when their state is saved."""
