"""Rules tested as code is: a script, what comes in, and what must come of it, without a server."""
