"""What people on call do with alerts: silences, and what is asked and shown of them."""
