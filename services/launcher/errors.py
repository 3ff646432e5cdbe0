"""Why a launcher gives up."""


class CannotStart(Exception):
    """Something that the launcher needs is not to be had; the text says what, for the user to read."""
