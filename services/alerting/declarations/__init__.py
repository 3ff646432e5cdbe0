"""How a handler says what it takes: its options, the section of the configuration behind them, their templates."""
