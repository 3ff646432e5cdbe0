"""Commands that tell about tickbus itself."""
