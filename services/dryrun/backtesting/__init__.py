"""What a script would have done, reckoned up: its alerts by id and level, and how they differ from what another did."""
