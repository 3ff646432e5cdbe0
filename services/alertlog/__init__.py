"""The messages of the stream ALERTS: how they are written, in which order they leave, what holds them back."""
