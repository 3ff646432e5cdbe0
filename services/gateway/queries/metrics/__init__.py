"""Metrics of the whole server: collected from all who take part, shown as Kapacitor and as Prometheus have them."""
