"""What the autoscale nodes have in common, and the clusters that they scale."""
