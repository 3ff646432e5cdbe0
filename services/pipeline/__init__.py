"""From a script to a graph: node specs, compiler, DOT."""
