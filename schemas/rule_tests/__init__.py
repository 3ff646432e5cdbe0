"""The files of `tickbus test`: how they look, and the same as a JSON schema."""
