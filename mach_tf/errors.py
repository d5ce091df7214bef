"""The exception whose message addresses the user."""

from __future__ import annotations


class InputError(ValueError):
    """The error of an argument, flag or file that breaks a rule.

    The message states the rule, what came instead, where (argument, row and column, file and line, shard), and what to do. The
    library names arguments; a program adds the dashes of its flags and prints the message alone. Any other exception is a
    defect of this project and keeps its stack trace.
    """
