"""A task run over what was, with nothing done outside, and looked at: what traces, backtests and tests are made of."""
