"""The one exception that means: the user's input is at fault."""


class InputError(ValueError):
    """Bad input: one clear sentence saying what, where, and what to do.

    Commands print it without a traceback and exit with code 2.
    """
