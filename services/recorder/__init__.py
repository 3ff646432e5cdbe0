"""The recorder process: recordings and replays."""
