"""What runs a graph of nodes: tasks, their steps and what comes of them, whoever feeds them."""
