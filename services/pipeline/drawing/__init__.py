"""Drawing a graph: where its nodes and edges lie, and that as SVG."""
