"""What comes in: lines, recordings and InfluxDB's answers, each at its time."""
