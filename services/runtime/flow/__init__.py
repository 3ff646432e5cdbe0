"""What of a task runs: its nodes put together, the steps that wait for something outside, and what clocks call."""
