"""Commands that start services."""
