"""States of the past: kept beside the newest ones for as long as the log reaches back to them."""
