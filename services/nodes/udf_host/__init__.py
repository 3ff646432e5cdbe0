"""User defined functions: programs of the user's that points are sent through, over Kapacitor's protobuf protocol."""
