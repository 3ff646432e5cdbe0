"""User defined functions: two that are worth copying (`echo`, `moving_average`), and one that does what none should."""
