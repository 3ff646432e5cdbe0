"""Parts of streams, found by time and read from one place to another."""
