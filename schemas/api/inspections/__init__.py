"""Looks at the log over the API: traces, backtests, why something was raised, what is kept of the past."""
