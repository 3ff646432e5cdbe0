"""What editors ask about scripts: diagnostics, completion, hover, symbols, formatting."""
