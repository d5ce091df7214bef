"""The one exception that a user is meant to read."""

from __future__ import annotations


class InputError(ValueError):
    """Input, a flag or a file that breaks a rule.

    Its message is written for the person who ran the program: the rule, what came instead, where (file and line, flag,
    shard), and what to do. The programs print it alone, without a stack trace; every other exception is a defect
    of ours and keeps its trace.
    """
