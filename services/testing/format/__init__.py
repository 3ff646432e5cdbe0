"""Files of tests: YAML with the places of all that is in it, read and checked."""
