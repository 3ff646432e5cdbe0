"""What flows through a graph: columns, frames, batches, barriers, series, groups."""
