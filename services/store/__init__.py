"""LMDB: state folded from a log (projections), and states of tasks, kept with the position that they stand for."""
