"""Moving in: copying what a running Kapacitor has to a running tickbus, over the HTTP API of both.

`moving.py` says what is copied in which order; each kind of thing has a file of its own.
"""
