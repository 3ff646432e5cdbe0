"""The alerting process: topics, their handlers, and the delivery of alerts to them."""
