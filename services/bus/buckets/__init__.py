"""What is kept on the bus beside streams: key-value buckets, objects, and what is built of the two."""
