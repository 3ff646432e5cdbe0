"""What all rooms share: how an operation is declared, refused and answered, and the paths it stands under."""
