"""HTTP: from a connection to an operation and back."""
