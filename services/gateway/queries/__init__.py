"""What can be asked of the API: one and many of each kind, as Kapacitor shows them."""
