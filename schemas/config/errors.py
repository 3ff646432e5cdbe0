"""Why a configuration cannot be used."""


class ConfigError(Exception):
    """The configuration cannot be used; one line for each mistake, each naming the file, the section or the key."""
