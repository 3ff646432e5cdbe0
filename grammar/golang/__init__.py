"""What Go's libraries make of a text, where files and settings are read as Kapacitor reads them."""
