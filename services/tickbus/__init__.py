"""What programs of others need of tickbus, under one name; nothing else of the house is meant to be imported.

    tickbus.client   a client of the HTTP API: `Client`
    tickbus.bus      the same over NATS: `BusClient`
    tickbus.shapes   what both give and take: `Task`, `Dbrp`, `Topic`, `Event`
    tickbus.errors   what they raise
    tickbus.udf      a library for user defined functions: `Agent`, `Handler`, `Server`

Each is imported by its own name, `from tickbus.client import Client`, so that a program loads what it uses.
"""
