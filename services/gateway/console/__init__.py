"""The console: a page for browsers, and what it is made of."""
