"""Refuses flags that have no effect beside the others: whoever gives one expects that it does something."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from absl import flags

from mach_tf.errors import InputError


def check(chooser: str, chosen: Sequence[str], users: Mapping[str, Collection[str]]) -> None:
    """Checks the flags that were given.

    Args:
      chooser: the flag that chooses one or several of a program's methods.
      chosen: what it chooses.
      users: for each flag that belongs to some methods, these, in the order of the messages.

    Raises:
      InputError: a flag was given that none of the chosen methods uses.
    """
    for name, methods in users.items():
        if flags.FLAGS[name].present and not set(chosen) & set(methods):
            where = f"with --{chooser}={','.join(chosen)}" if chosen else f"without --{chooser}"
            raise InputError(
                f"--{name} has no effect {where}: it is for --{chooser}={'|'.join(methods)}. Leave it out, or give one of these."
            )
