"""Who may do what: users, passwords, tokens, privileges, browsers' origins, and the audit log."""
