"""Looks at the log by way of a task: traces and backtests, which are asked for, shown and read in the same way."""
