"""What the loader reads, before it is checked: the file, the environment, and what of both is of no effect."""
