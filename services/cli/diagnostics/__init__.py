"""What every service's process answers about itself: its log level, log lines, figures, profiles, stacks."""
