"""Folds over the log: what a service knows, made of nothing but the facts it has read."""
