"""Events about what people on call say of alerts, but for silences."""
