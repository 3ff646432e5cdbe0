"""Line protocol: whole bodies checked, decoded to columns, and written."""
