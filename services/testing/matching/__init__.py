"""What came held against what was expected."""
