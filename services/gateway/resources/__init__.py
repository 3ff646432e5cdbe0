"""The resources of the API, one a file: paths, methods, schemas, errors, and which command or query each is."""
