"""The program: one folder a room. Imports run downwards only; tests/unit/test_architecture.py has the order."""
