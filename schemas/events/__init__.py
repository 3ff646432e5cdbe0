"""The events of the stream EVENTS: what has become of tasks, templates, runs and all else but data, by kind."""
