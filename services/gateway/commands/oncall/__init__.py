"""What people on call do with alerts."""
