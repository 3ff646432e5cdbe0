"""How commands show things: tables and texts, on a terminal and to programs that read them."""
