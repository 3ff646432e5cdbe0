"""The one error that a template raises, when it is parsed, escaped or executed."""

from __future__ import annotations


class TemplateError(Exception):
    """A template does not parse or fails while it runs; the text is Go's, position included."""
