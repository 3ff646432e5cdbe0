"""Changes of alerts' levels, kept by time, for those who ask what has been."""
