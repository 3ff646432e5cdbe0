"""Folds: what the events of EVENTS come to, a file for each kind of resource. services.store.projection keeps them."""
