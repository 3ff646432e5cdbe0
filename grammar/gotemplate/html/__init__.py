"""Contextual escaping, as html/template does it: each value is escaped for where in the HTML it stands."""
