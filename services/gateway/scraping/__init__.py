"""Scraping: metrics of Prometheus targets, fetched by the gateway."""
