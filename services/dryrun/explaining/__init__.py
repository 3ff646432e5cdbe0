"""Why an alert was raised, and why none was: a dry run looked at node by node, for the points of one group."""
