"""What goes into the nodes of a task and comes out of them, as lines to be looked at."""
