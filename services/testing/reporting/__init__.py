"""What has come of tests, for people and for programs."""
