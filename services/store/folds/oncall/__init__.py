"""What people on call say of alerts, folded; but for silences."""
