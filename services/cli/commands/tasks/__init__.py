"""Commands about tasks and templates."""
