"""The recorder process: recordings and replays, and looks at the past."""
