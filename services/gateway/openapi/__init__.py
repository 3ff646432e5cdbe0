"""What there is, for machines: OpenAPI of the HTTP API and AsyncAPI of the bus, made of declarations and schemas."""
