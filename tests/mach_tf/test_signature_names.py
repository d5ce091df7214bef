from __future__ import annotations

from mach_tf import signature_names


def test_names_are_different():
    names = [value for name, value in vars(signature_names).items() if name.isupper()]
    assert len({*names}) == len(names) == 13
