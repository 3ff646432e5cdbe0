"""Scripts: what they may use, and what is to be said of them."""
