"""What inputs are sent, read: other formats to line protocol."""
