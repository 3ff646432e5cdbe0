"""What single nodes must give, in plain Python, one point at a time: Kapacitor 1.5.7's rules as its source has them.

An oracle is one group's. It shares nothing with the nodes but the values that go in and come out. Where tickbus differs
from Kapacitor on purpose (tests/conformance/DIFFERENCES.md) the oracle has tickbus' rule and says so.
"""
