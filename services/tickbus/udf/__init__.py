"""A library for writing user defined functions in Python.

A program of this form is a function that hands back every point as it came:

    from tickbus.udf import Agent, Handler

    class Echo(Handler):
        def point(self, point):
            self.agent.send_point(point)

    Agent(Echo).run()

It is made known to tickbus in the configuration, and used by the name it has there, `|from()@echo()`:

    [udf.functions.echo]
        prog = "/opt/tickbus/.venv/bin/python"
        args = ["/opt/echo.py"]
        timeout = "10s"

`run` speaks over stdin and stdout, so print only to stderr, which goes to the engine's log. `Server('/run/echo.sock',
Echo).serve()` listens on a unix socket instead, with a Handler of its own for every node that connects.

Classes and methods are called as in Kapacitor's Python agent: Agent, Handler, Server; init, begin_batch, point,
end_batch, snapshot, restore. (What is written for that one works as it is, without this library.) A Handler here says
what it takes by `wants`, `provides` and `options` instead of by an InfoResponse, is given plain values, and what it
raises is told to tickbus.

`prog` is a Python that has this package. It needs nothing but `protobuf`: where tickbus is not installed, a copy of
this folder as `tickbus/udf/` does.
"""

from tickbus.udf.agent import Agent, Handler, Server
from tickbus.udf.protocol import BATCH, BOOL, DOUBLE, DURATION, INT, STREAM, STRING, BeginBatch, EndBatch, Point

__all__ = [
    "BATCH",
    "BOOL",
    "DOUBLE",
    "DURATION",
    "INT",
    "STREAM",
    "STRING",
    "Agent",
    "BeginBatch",
    "EndBatch",
    "Handler",
    "Point",
    "Server",
]
