"""What numbers of the configuration may be."""

from marshmallow.validate import Range

POSITIVE = Range(min=0, min_inclusive=False, error="must be more than 0")
NOT_NEGATIVE = Range(min=0, error="must not be negative")
AT_LEAST_1 = Range(min=1, error="must be at least 1")
PORT = Range(min=0, max=65535, error="must be a port up to 65535")
