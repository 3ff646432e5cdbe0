"""Changes of alerts' levels, shown."""
