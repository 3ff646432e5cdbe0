"""What any process needs of its machine: logs, threads, helper processes, files, and what it may do there."""
