"""Subscriptions in InfluxDB, by which it sends what is written to it: made, kept and dropped as [[influxdb]] says."""
