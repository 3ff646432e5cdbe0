"""What the InfluxQL functions have in common: kernels over segments of values, and the nodes that feed them."""
