"""Scripts compiled and laid out, and kept as far as there is room."""
