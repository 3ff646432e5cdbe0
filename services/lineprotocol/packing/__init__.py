"""Bodies of many lines packed: keys and names once each, numbers as integers in columns."""
