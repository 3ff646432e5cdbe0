"""The load directory: tasks, templates and topic handlers that are as the files of a directory declare them."""
