"""Removing from EVENTS what nobody needs any more."""
