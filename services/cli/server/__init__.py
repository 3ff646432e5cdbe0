"""What commands have in common that ask a server over its HTTP API."""
